/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * object.c - the compiled eBPF programs, as they lie in the executable (the Makefile names the file and its hash)
 */
#include "bpf/object.h"

#define INCLUDE(symbol, section, file, after)                                   \
	__asm__(".pushsection " section ", \"a\", @progbits\n"                  \
	        ".balign 16\n"                                                  \
	        ".globl " symbol "_start, " symbol "_end\n"                     \
	        ".hidden " symbol "_start, " symbol "_end\n" symbol "_start:\n" \
	        ".incbin \"" file "\"\n" symbol "_end:\n" after ".popsection\n")

INCLUDE("bpf_object", ".rodata.bpf_object", BPF_OBJECT, "");
INCLUDE("bpf_object_version", ".rodata.bpf_object_version", BPF_OBJECT ".version", ".byte 0\n");
