/* SPDX-License-Identifier: Apache-2.0 */
/* Ends the emulator from inside: exit-status N makes its own exit status 2 * N + 1 (QEMU's isa-debug-exit). */
#include <stdlib.h>
#include <sys/io.h>

#define PORT 0xf4
#define PORTS 4

int main(int argc, char **argv)
{
	if (argc != 2 || ioperm(PORT, PORTS, 1))
		return 1;
	outl((unsigned int)atoi(argv[1]), PORT);
	return 1;
}
