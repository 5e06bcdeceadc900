// Prints, as JSON, the seccomp filter that a container engine gives a container which holds these capabilities and no
// others, when its pod asks for `seccompProfile: RuntimeDefault`:
//
//	go run . CAP_BPF CAP_PERFMON
//
// It is Moby's. containerd keeps a copy of it, which differs in calls that the agent does not make; CRI-O has another.
package main

import (
	"encoding/json"
	"log"
	"os"

	"github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
)

func main() {
	held := specs.LinuxCapabilities{Bounding: os.Args[1:]}
	container := specs.Spec{Process: &specs.Process{Capabilities: &held}}
	filter, err := seccomp.GetDefaultProfile(&container)
	if err != nil {
		log.Fatal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(filter); err != nil {
		log.Fatal(err)
	}
}
