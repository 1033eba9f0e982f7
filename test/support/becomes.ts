/** A program of this machine's processor that does nothing but become another one, with the same arguments. */

/** Instructions before the path: `execve(path, argv, envp)` from what the kernel put on the stack, else `exit(127)`. */
const code: Readonly<Record<string, { readonly machine: number; readonly bytes: Uint8Array }>> = {
  x64: {
    machine: 62,
    bytes: Uint8Array.of(
      ...[0x48, 0x8d, 0x74, 0x24, 0x08], // lea rsi, [rsp+8]
      ...[0x48, 0x8b, 0x04, 0x24], // mov rax, [rsp]
      ...[0x48, 0x8d, 0x54, 0xc6, 0x08], // lea rdx, [rsi+rax*8+8]
      ...[0x48, 0x8d, 0x3d, 0x0d, 0, 0, 0], // lea rdi, [rip+13]
      ...[0x6a, 0x3b, 0x58, 0x0f, 0x05], // push 59; pop rax; syscall
      ...[0x6a, 0x7f, 0x5f, 0x6a, 0x3c, 0x58, 0x0f, 0x05], // push 127; pop rdi; push 60; pop rax; syscall
    ),
  },
  arm64: {
    machine: 183,
    bytes: new Uint8Array(
      Uint32Array.of(
        0xf94003e3, // ldr x3, [sp]
        0x910023e1, // add x1, sp, #8
        0x8b030c22, // add x2, x1, x3, lsl #3
        0x91002042, // add x2, x2, #8
        0x100000c0, // adr x0, .+24
        0xd2801ba8, // mov x8, #221
        0xd4000001, // svc #0
        0xd2800fe0, // mov x0, #127
        0xd2800ba8, // mov x8, #93
        0xd4000001, // svc #0
      ).buffer,
    ),
  },
};

const loadAt = 0x400000n;
const headers = 64 + 56;

/** ELF(5): one header, one segment, no sections. */
export function programThatBecomes(path: string): Uint8Array {
  const own = code[process.arch];
  if (own === undefined) throw new Error(`no instructions for ${process.arch}`);
  const tail = Buffer.from(`${path}\0`);
  const file = Buffer.alloc(headers + own.bytes.length + tail.length);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  file.writeUInt16LE(2, 16);
  file.writeUInt16LE(own.machine, 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(loadAt + BigInt(headers), 24); // entry
  file.writeBigUInt64LE(64n, 32); // program headers
  file.writeUInt16LE(64, 52);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(1, 56);
  file.writeUInt32LE(1, 64); // PT_LOAD
  file.writeUInt32LE(5, 68); // read, execute
  file.writeBigUInt64LE(loadAt, 80);
  file.writeBigUInt64LE(loadAt, 88);
  file.writeBigUInt64LE(BigInt(file.length), 96);
  file.writeBigUInt64LE(BigInt(file.length), 104);
  file.writeBigUInt64LE(0x1000n, 112);
  file.set(own.bytes, headers);
  file.set(tail, headers + own.bytes.length);
  return file;
}
