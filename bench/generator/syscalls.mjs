// System call numbers of the calls that the generator makes, from the kernel's tables.

const X86_64 = {
  write: 1, open: 2, mmap: 9, pipe: 22, connect: 42, sendto: 44, sendmsg: 46, bind: 49, execve: 59, rename: 82, mkdir: 83, rmdir: 84, creat: 85,
  link: 86, unlink: 87, symlink: 88, chmod: 90, fchmod: 91, chown: 92, fchown: 93, lchown: 94, ptrace: 101, mknod: 133, mount: 165,
  init_module: 175, setxattr: 188, lsetxattr: 189, fsetxattr: 190, removexattr: 197, openat: 257, mkdirat: 258, mknodat: 259, fchownat: 260,
  unlinkat: 263, renameat: 264, linkat: 265, symlinkat: 266, fchmodat: 268, unshare: 272, utimensat: 280, pipe2: 293, setns: 308,
  process_vm_writev: 311, finit_module: 313, renameat2: 316, memfd_create: 319, bpf: 321, execveat: 322, openat2: 437, fchmodat2: 452,
};
const I386 = {
  write: 4, open: 5, creat: 8, link: 9, unlink: 10, execve: 11, mknod: 14, chmod: 15, lchown: 198, mount: 21, ptrace: 26, rename: 38, mkdir: 39,
  rmdir: 40, pipe: 42, symlink: 83, fchmod: 94, socketcall: 102, init_module: 128, mmap: 192, fchown: 207, chown: 212, setxattr: 226,
  lsetxattr: 227, fsetxattr: 228, removexattr: 235, openat: 295, mkdirat: 296, mknodat: 297, fchownat: 298, unlinkat: 301, renameat: 302,
  linkat: 303, symlinkat: 304, fchmodat: 306, unshare: 310, utimensat: 320, pipe2: 331, setns: 346, process_vm_writev: 348, finit_module: 350,
  renameat2: 353, memfd_create: 356, bpf: 357, execveat: 358, bind: 361, connect: 362, sendto: 369, sendmsg: 370, openat2: 437, fchmodat2: 452,
};
const AARCH64 = {
  setxattr: 5, lsetxattr: 6, fsetxattr: 7, removexattr: 14, mknodat: 33, mkdirat: 34, unlinkat: 35, symlinkat: 36, linkat: 37, renameat: 38,
  mount: 40, fchmod: 52, fchmodat: 53, fchownat: 54, fchown: 55, openat: 56, pipe2: 59, write: 64, utimensat: 88, unshare: 97, init_module: 105,
  ptrace: 117, bind: 200, connect: 203, sendto: 206, sendmsg: 211, execve: 221, mmap: 222, setns: 268, process_vm_writev: 271,
  finit_module: 273, renameat2: 276, memfd_create: 279, bpf: 280, execveat: 281, openat2: 437, fchmodat2: 452,
};

export const ARCHES = {
  x86_64: { code: 'c000003e', numbers: X86_64 },
  i386: { code: '40000003', numbers: I386 },
  aarch64: { code: 'c00000b7', numbers: AARCH64 },
};

/** What socketcall(2) has as its first argument. */
export const SOCKETCALL = { bind: 2, connect: 3, sendto: 11 };
