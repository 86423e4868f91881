/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * relro.c - constants that hold addresses are read-only before main() begins
 *
 * The linker collects them (the tables of types, verbs and messages, the GOT) where start-up code relocates them and then
 * protects them: PT_GNU_RELRO. glibc's start-up of a static PIE does that, musl's does not: 4 microseconds.
 */
#include <link.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef __GLIBC__
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

__attribute__((constructor)) static void protect_relro(void)
{
	const char *base = (const char *)&__ehdr_start;
	const ElfW(Phdr) *ph = (const void *)(base + __ehdr_start.e_phoff);
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	for (unsigned int i = 0; i < __ehdr_start.e_phnum; i++)
		if (ph[i].p_type == PT_GNU_RELRO) {
			uintptr_t from = (uintptr_t)base + ph[i].p_vaddr;
			uintptr_t to = from + ph[i].p_memsz;

			from &= ~(page - 1);
			to &= ~(page - 1);
			(void)mprotect((void *)from, to - from, PROT_READ);
		}
}
#endif
