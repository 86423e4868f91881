/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nftables_message.h - what building and asking share: the head of a message, and an element
 */
#ifndef CNIDA_KERNEL_NFTABLES_MESSAGE_H
#define CNIDA_KERNEL_NFTABLES_MESSAGE_H

#include "kernel/nftables.h"

/* Type of the (type, length, value) triple with the comment in nft(8)'s user data of tables, rules and elements. */
#define UDATA_COMMENT 0

/* nft_message() - Start a message of nf_tables (NFT_MSG_...) for a family; @what as for nl_begin(). */
void nft_message(struct nl_batch *b, uint16_t msg, uint16_t flags, uint8_t family,
                 const char *what);

/* nft_put_elem() - The attributes that name a set and one element of it. */
void nft_put_elem(struct nl_batch *b, const struct nft_table *t, const struct nft_set *set,
                  const struct nft_elem *el);

#endif
