/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * object.h - the compiled eBPF programs, as they lie in the executable
 */
#ifndef CNIDA_BPF_OBJECT_H
#define CNIDA_BPF_OBJECT_H

#include <stddef.h>

extern const unsigned char bpf_object_start[], bpf_object_end[]; /* an ELF file */

/* Text that differs between any two versions of it. */
extern const char bpf_object_version_start[];

#endif
