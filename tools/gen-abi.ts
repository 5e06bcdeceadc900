// Writes src/abi/records.gen.ts from the BTF of the built object: sizes, offsets, lengths of arrays and enum values as
// the kernel side has them. Usage: node tools/gen-abi.ts [--check] [OBJECT]
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const STRUCTS = [
  'flow_key',
  'book',
  'distributions',
  'live_record',
  'slot',
  'measures',
  'owner',
  'config',
  'control',
];
const ENUMS = ['role', 'connect_failure', 'book_state', 'outsider'];
const OUTPUT = new URL('../src/abi/records.gen.ts', import.meta.url);

interface BtfType {
  id: number;
  kind: string;
  name: string;
  size?: number;
  type_id?: number;
  nr_elems?: number;
  members?: { name: string; type_id: number; bits_offset: number }[];
  values?: { name: string; val: number }[];
}

function readBtf(object: string): BtfType[] {
  const json = execFileSync('bpftool', ['btf', 'dump', 'file', object, '--json'], {
    env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
  });
  return (JSON.parse(json.toString()) as { types: BtfType[] }).types;
}

function camel(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function pascal(name: string): string {
  const text = camel(name);
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function findStruct(types: readonly BtfType[], name: string): Required<Pick<BtfType, 'size' | 'members'>> {
  const found = types.find((type) => type.kind === 'STRUCT' && type.name === name);
  if (!found?.members || found.size === undefined) throw new Error(`the object's BTF has no struct ${name}`);
  return { size: found.size, members: found.members };
}

function struct(types: readonly BtfType[], name: string): string {
  const { size, members } = findStruct(types, name);
  const fields = members.map((member) => `  ${camel(member.name)}: ${member.bits_offset / 8},`);
  return [
    `/** struct ${name}: its size and the byte offset of each field. */`,
    `export const ${pascal(name)} = {`,
    `  size: ${size},`,
    ...fields,
    '} as const;',
  ].join('\n');
}

function arrayLengths(types: readonly BtfType[]): string {
  const rows = STRUCTS.flatMap((name) => {
    const arrays = findStruct(types, name).members.flatMap((member) => {
      const length = types.find(({ id }) => id === member.type_id)?.nr_elems;
      return length === undefined ? [] : [`${camel(member.name)}: ${length}`];
    });
    return arrays.length === 0 ? [] : [`  ${pascal(name)}: { ${arrays.join(', ')} },`];
  });
  return [
    '/** How many elements each array of these structures has. */',
    'export const ArrayLength = {',
    ...rows,
    '} as const;',
  ].join('\n');
}

function enumeration(types: readonly BtfType[], name: string): string {
  const found = types.find((type) => type.kind === 'ENUM' && type.name === name);
  if (!found?.values) throw new Error(`the object's BTF has no enum ${name}`);
  const values = found.values.map((value) => `  ${value.name}: ${value.val},`);
  return [`/** enum ${name}. */`, `export const ${pascal(name)} = {`, ...values, '} as const;'].join('\n');
}

export function generateAbi(object: string): string {
  const types = readBtf(object);
  const parts = [
    ...STRUCTS.map((name) => struct(types, name)),
    arrayLengths(types),
    ...ENUMS.map((name) => enumeration(types, name)),
  ];
  return [
    '// Made by tools/gen-abi.ts from the BTF of the built object. The truth is kernel/include/records.h. Do not edit.',
    ...parts,
    '',
  ].join('\n\n');
}

if (import.meta.main) {
  const args = process.argv.slice(2);
  const object = args.find((arg) => !arg.startsWith('--')) ?? 'build/kube-netc.bpf.o';
  const text = generateAbi(object);
  if (!args.includes('--check')) writeFileSync(OUTPUT, text);
  else if (readFileSync(OUTPUT, 'utf8') !== text) {
    console.error('src/abi/records.gen.ts differs from the object: run node tools/gen-abi.ts');
    process.exitCode = 1;
  }
}
