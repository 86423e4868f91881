/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verdicts.c - how each pod is judged by the policy in force
 *
 * Layout: header, a hash table of entries (half full, linear probing), cells, lists and ranges of the tables, names. A name is
 * "namespace NUL pod NUL"; the one with an empty pod stands for the pods of the namespace that nobody told of. Nothing in the
 * file is believed without a look at the bounds: a damaged one counts as none.
 */
#include "policy/verdicts.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "policy/signature.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define PATH VERDICTS_DIR "/" VERDICTS_NAME
/* Changes with the layout. */
static const char magic[8] = "cnidav3";

struct header {
	char magic[8];
	uint64_t size; /* of the file */
	struct verdicts_about about;
	struct verdict stranger;
	uint64_t places; /* of the table behind the header, a power of two */
	uint32_t n_cells, n_lists, n_ranges, pad;
};

struct entry {
	uint32_t hash;
	uint32_t name; /* offset in the file; 0: free */
	struct verdict verdict;
};

/* FNV-1a; both texts with their NUL, which keeps ("a", "bc") and ("ab", "c") apart. */
static uint32_t hash_text(uint32_t h, const char *text)
{
	for (;; text++) {
		h = (h ^ (uint8_t)*text) * 16777619U;
		if (!*text)
			return h;
	}
}

static uint32_t hash_name(const char *namespace, const char *pod)
{
	return hash_text(hash_text(2166136261U, namespace), pod);
}

/* ---- writing ---- */

struct builder {
	const struct tables *t;
	struct header *header;
	struct entry *entries;
	uint8_t *bytes;
	uint64_t *signatures; /* of all sets */
	size_t at;            /* where the next text or array goes */
};

static struct verdict with_signatures(const struct builder *b, const struct pod_verdict *pod)
{
	return (struct verdict) {
		.pod = *pod,
		.allows = { b->signatures[pod->set[INGRESS]], b->signatures[pod->set[EGRESS]] },
	};
}

static void put_text(struct builder *b, const char *text)
{
	size_t len = strlen(text) + 1;

	memcpy(b->bytes + b->at, text, len);
	b->at += len;
}

static void put(struct builder *b, const char *namespace, const char *pod,
                const struct pod_verdict *verdict)
{
	uint32_t mask = (uint32_t)b->header->places - 1, hash = hash_name(namespace, pod);
	uint32_t i = hash & mask;

	while (b->entries[i].name)
		i = (i + 1) & mask;
	b->entries[i] = (struct entry) { hash, (uint32_t)b->at, with_signatures(b, verdict) };
	put_text(b, namespace);
	put_text(b, pod);
}

static size_t names_size(const struct tables *t)
{
	size_t size = 0;

	for (size_t i = 0; i < t->n_pods; i++)
		size += strlen(t->pods[i].namespace) + strlen(t->pods[i].name) + 2;
	for (size_t i = 0; i < t->n_namespaces; i++)
		size += strlen(t->namespaces[i].name) + 2;
	return size;
}

static size_t cells_size(const struct tables *t)
{
	return t->n_cells * sizeof(struct cell) + t->n_lists * sizeof(struct port_list) +
	       t->n_ranges * sizeof(struct port_range);
}

static void put_array(struct builder *b, const void *v, size_t n, size_t size)
{
	if (n > 0)
		memcpy(b->bytes + b->at, v, n * size);
	b->at += n * size;
}

static void put_all(struct builder *b)
{
	const struct tables *t = b->t;

	put_array(b, t->cells, t->n_cells, sizeof(*t->cells));
	put_array(b, t->lists, t->n_lists, sizeof(*t->lists));
	put_array(b, t->ranges, t->n_ranges, sizeof(*t->ranges));
	for (size_t i = 0; i < t->n_pods; i++)
		put(b, t->pods[i].namespace, t->pods[i].name, &t->pods[i].verdict);
	for (size_t i = 0; i < t->n_namespaces; i++)
		put(b, t->namespaces[i].name, "", &t->namespaces[i].unknown);
}

static struct header header_of(const struct builder *b, const struct verdicts_about *about,
                               size_t size, size_t places)
{
	const struct tables *t = b->t;
	struct header h = {
		.size = size,
		.about = *about,
		.stranger = with_signatures(b, &t->stranger),
		.places = places,
		.n_cells = (uint32_t)t->n_cells,
		.n_lists = (uint32_t)t->n_lists,
		.n_ranges = (uint32_t)t->n_ranges,
	};

	memcpy(h.magic, magic, sizeof(magic));
	return h;
}

int verdicts_build(const struct tables *t, const struct verdicts_about *about, uint8_t **ret,
                   size_t *ret_size, struct err *e)
{
	struct builder b = { .t = t };
	size_t places = 8, size;

	while (places < 2 * (t->n_pods + t->n_namespaces))
		places *= 2;
	size = sizeof(struct header) + places * sizeof(struct entry) + cells_size(t) +
	       names_size(t);
	if (size > UINT32_MAX)
		return err_set(e, CNI_E_TRY_AGAIN, E2BIG, "too many pods: %zu", t->n_pods);
	b.signatures = signatures(t);
	b.bytes = b.signatures ? calloc(1, size) : NULL;
	if (!b.bytes) {
		free(b.signatures);
		return err_sys(e, ENOMEM, "write %s", PATH);
	}
	b.header = (struct header *)(void *)b.bytes;
	*b.header = header_of(&b, about, size, places);
	b.entries = (struct entry *)(void *)(b.bytes + sizeof(struct header));
	b.at = sizeof(struct header) + places * sizeof(struct entry);
	put_all(&b);
	free(b.signatures);
	*ret = b.bytes;
	*ret_size = size;
	return 0;
}

int verdicts_write(const uint8_t *bytes, size_t size, struct err *e)
{
	_cleanup_close_ int dir = fs_opendir(VERDICTS_DIR, 0700, e);

	return dir < 0 ? dir : fs_replace(dir, VERDICTS_NAME, 0600, bytes, size, false, e);
}

int verdicts_remove(struct err *e)
{
	if (unlink(PATH) < 0 && errno != ENOENT && errno != ENOTDIR)
		return err_sys(e, errno, "remove %s", PATH);
	return 0;
}

/* ---- reading ---- */

/* The arrays behind the table of entries; false if they do not lie in the file. */
static bool use_cells(const uint8_t *bytes, size_t size, const struct header *h, struct cells *ret)
{
	const uint8_t *at = bytes + sizeof(*h) + h->places * sizeof(struct entry);
	const uint64_t n_cells = (uint64_t)h->n_cells * sizeof(struct cell),
		       n_lists = (uint64_t)h->n_lists * sizeof(struct port_list),
		       n_ranges = (uint64_t)h->n_ranges * sizeof(struct port_range);

	if (size - (size_t)(at - bytes) < n_cells + n_lists + n_ranges)
		return false;
	*ret = (struct cells) {
		.v = (const void *)at,
		.lists = (const void *)(at + n_cells),
		.ranges = (const void *)(at + n_cells + n_lists),
		.n = h->n_cells,
		.n_lists = h->n_lists,
		.n_ranges = h->n_ranges,
	};
	return true;
}

int verdicts_use(const uint8_t *bytes, size_t size, struct verdicts *ret)
{
	struct cells cells;
	struct header h;

	if (size < sizeof(h))
		return -ENOENT;
	memcpy(&h, bytes, sizeof(h));
	if (memcmp(h.magic, magic, sizeof(magic)) != 0 || h.size != size || h.places == 0 ||
	    (h.places & (h.places - 1)) != 0 || h.about.parity > 1 ||
	    (size - sizeof(h)) / sizeof(struct entry) < h.places ||
	    !use_cells(bytes, size, &h, &cells))
		return -ENOENT;
	*ret = (struct verdicts) { .map = bytes, .size = size, .about = h.about, .cells = cells };
	return 0;
}

int verdicts_open(struct verdicts *ret, struct err *e)
{
	_cleanup_close_ int fd = open(PATH, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	void *map;

	*ret = (struct verdicts) { 0 };
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? -ENOENT
		                                           : err_sys(e, errno, "open %s", PATH);
	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "stat %s", PATH);
	if (st.st_size < (off_t)sizeof(struct header))
		return -ENOENT;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return err_sys(e, errno, "map %s", PATH);
	if (verdicts_use(map, (size_t)st.st_size, ret) == 0)
		return 0;
	(void)munmap(map, (size_t)st.st_size);
	return -ENOENT;
}

void verdicts_close(struct verdicts *v)
{
	/* The mapping was made by us; only its content is constant. */
	if (v->map)
		(void)munmap((void *)(uintptr_t)v->map, v->size);
	*v = (struct verdicts) { 0 };
}

/* Compare with the text at *at and step over it. */
static bool text_is(const struct verdicts *v, size_t *at, const char *text)
{
	size_t len = strlen(text) + 1;
	bool same = *at < v->size && v->size - *at >= len && memcmp(v->map + *at, text, len) == 0;

	*at += len;
	return same;
}

static bool find(const struct verdicts *v, const struct header *h, const char *namespace,
                 const char *pod, struct verdict *ret)
{
	uint32_t hash = hash_name(namespace, pod);

	for (uint64_t i = 0; i < h->places; i++) {
		size_t place = (hash + i) & (h->places - 1), at;
		struct entry entry;

		memcpy(&entry, v->map + sizeof(*h) + place * sizeof(entry), sizeof(entry));
		if (!entry.name)
			return false;
		at = entry.name;
		if (entry.hash == hash && text_is(v, &at, namespace) && text_is(v, &at, pod)) {
			*ret = entry.verdict;
			return true;
		}
	}
	return false;
}

int verdicts_find(const struct verdicts *v, const char *namespace, const char *name,
                  struct verdict *ret)
{
	struct header h;

	memcpy(&h, v->map, sizeof(h));
	*ret = h.stranger;
	if (!*namespace)
		return 0;
	if (*name && find(v, &h, namespace, name, ret))
		return 1;
	(void)find(v, &h, namespace, "", ret);
	return 0;
}
