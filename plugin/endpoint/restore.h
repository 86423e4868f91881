/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * restore.h - after somebody flushed the ruleset: everything of all live pods comes back
 *
 * `nft flush ruleset`, or the start of a firewall service that does it, takes all tables at once. Whoever finds one of ours
 * missing that was there puts back what the records of live pods say: an ADD that needs the table, an ADD that needs
 * none (see restore_if_flushed()), `cnida gc`.
 *
 * That a table was made on this boot is noted as an empty file in /run/cnida/tables: a missing table without it is one that
 * nobody needs.
 */
#ifndef CNIDA_ENDPOINT_RESTORE_H
#define CNIDA_ENDPOINT_RESTORE_H

#include "base/err.h"
#include "kernel/ruleset.h"

/* Which one is being restored by the caller already. */
enum restore_part { RESTORE_NOTHING, RESTORE_ELEMENTS, RESTORE_PORTS };

/* restore_note() - A table was made. restore_forget() - It was removed, by us. */
void restore_note(enum ruleset_table table);
void restore_forget(enum ruleset_table table);

/* restore_after_flush() - A table was missing that the caller has just made: put back what else is missing. Failures are logged:
 * the caller's own pod can do without. */
void restore_after_flush(enum restore_part except);

/* restore_if_flushed() - The same for an ADD that needs no table: one question to the kernel, if there is a table to ask for.
 * @nft: netfilter socket of the node, as nl_open_once() opens it. */
void restore_if_flushed(struct nl_sock *nft);

/* restore_all() - For `cnida gc`: look at everything. The first failure is returned when all were tried. */
int restore_all(struct err *e);

#endif
