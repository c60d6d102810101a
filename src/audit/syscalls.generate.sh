#!/bin/sh
# Writes syscalls.ts from the tables that auditd ships (`ausyscall`, package auditd).
# Numbers from 451 on are the same on every architecture, and newer than auditd 3.0's tables.
set -eu
cd "$(dirname "$0")"
common="451 cachestat 452 fchmodat2 453 map_shadow_stack 454 futex_wake 455 futex_wait 456 futex_requeue
457 statmount 458 listmount 459 lsm_get_self_attr 460 lsm_set_self_attr 461 lsm_list_modules 462 mseal
463 setxattrat 464 getxattrat 465 listxattrat 466 removexattrat 467 open_tree_attr 468 file_getattr 469 file_setattr"
{
  echo '// Made by syscalls.generate.sh: do not edit.'
  echo
  echo '/** Names of the system calls by number, "number name number name ...", for each audit architecture (AUDIT_ARCH_* of linux/audit.h). */'
  echo 'export const SYSCALLS: ReadonlyMap<number, string> = new Map(['
  for arch in c000003e:x86_64 40000003:i386 c00000b7:aarch64; do
    table=$(ausyscall "${arch#*:}" --dump | awk '/^[0-9]/ { printf "%s %s ", $1, $2 }')
    last=$(printf '%s' "$table" | awk '{ print $(NF - 1) }')
    extra=$(printf '%s' "$common" | tr '\n' ' ' | awk -v last="$last" '{ for (i = 1; i <= NF; i += 2) if ($i > last) printf "%s %s ", $i, $(i + 1) }')
    printf '  // %s\n  [0x%s, `%s`],\n' "${arch#*:}" "${arch%%:*}" "$(printf '%s%s' "$table" "$extra" | fold -s -w 150 | sed 's/ *$//')"
  done
  echo ']);'
} > syscalls.ts
