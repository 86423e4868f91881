/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy.c - fuzz: Kubernetes objects as JSON, compiled to tables and to the image
 *
 * What the snapshot keeps of the objects compiles to the same image; the image answers as the tables do.
 */
#include "policy/compile.h"
#include "policy/image.h"
#include "policy/object_text.h"
#include "test/fuzz/fuzz.h"

#include <errno.h>
#include <netinet/in.h>

struct compiled_text {
	struct objects objects;
	struct tables tables;
	struct image image;
};

static void drop(struct compiled_text *c)
{
	image_free(&c->image);
	tables_free(&c->tables);
	objects_free(&c->objects);
}

static int make(struct compiled_text *c, const char *text, size_t len, bool relaxed)
{
	struct err e = fuzz_err();
	int r;

	memset(c, 0, sizeof(*c));
	objects_init(&c->objects);
	r = objects_read(&c->objects, "fuzz", text, len, &e);
	fuzz_judge(r, &e, "objects_read");
	if (r >= 0) {
		r = objects_finish(&c->objects, &e);
		fuzz_judge(r, &e, "objects_finish");
	}
	if (r >= 0) {
		r = compile(&c->objects, relaxed, &c->tables, &e);
		fuzz_judge(r, &e, "compile");
	}
	if (r >= 0) {
		r = image_build(&c->tables, NULL, 0, 0, 1U << 20, &c->image, &e);
		fuzz_judge(r, &e, "image_build");
	}
	if (r < 0)
		drop(c);
	return r;
}

static bool verdict_eq(const struct pod_verdict *a, const struct pod_verdict *b)
{
	return a->class == b->class && a->set[0] == b->set[0] && a->set[1] == b->set[1];
}

static void same(const struct compiled_text *a, const struct compiled_text *b, const char *text)
{
	const struct tables *s = &a->tables, *t = &b->tables;

	fuzz_check(a->image.size == b->image.size &&
	                   memcmp(a->image.bytes, b->image.bytes, a->image.size) == 0,
	           "another image from what was written: %s", text);
	fuzz_check(s->n_pods == t->n_pods, "%zu pods, %zu from %s", s->n_pods, t->n_pods, text);
	for (size_t i = 0; i < s->n_pods; i++)
		fuzz_check(strcmp(s->pods[i].name, t->pods[i].name) == 0 &&
		                   strcmp(s->pods[i].namespace, t->pods[i].namespace) == 0 &&
		                   verdict_eq(&s->pods[i].verdict, &t->pods[i].verdict),
		           "pod %s/%s is judged otherwise by %s", s->pods[i].namespace,
		           s->pods[i].name, text);
	for (size_t i = 0; i < s->n_namespaces; i++)
		fuzz_check(verdict_eq(tables_pod(t, s->namespaces[i].name, "nobody-has-told-of-it"),
		                      &s->namespaces[i].unknown),
		           "unknown pods of %s are judged otherwise by %s", s->namespaces[i].name,
		           text);
}

/* At the edges of each range of each cell. */
static void image_answers(const struct compiled_text *c)
{
	const struct tables *t = &c->tables;
	struct err e = fuzz_err();

	fuzz_check(image_check(&c->image, &e) == 0, "%s", e.msg);
	for (size_t i = 0; i < t->n_cells && i < 64; i++) {
		const struct cell *cell = &t->cells[i];
		const struct port_list *list = &t->lists[cell->ports];

		fuzz_check(list->n > 0 && cell->set < t->n_sets && cell->class < t->n_classes,
		           "cell %zu is none", i);
		for (uint32_t k = 0; k < list->n && k < 8; k++) {
			const struct port_range *r = &t->ranges[list->first + k];
			const uint16_t ports[] = { r->first, r->last, (uint16_t)(r->first - 1),
				                   (uint16_t)(r->last + 1) };
			uint8_t proto = r->proto ? r->proto : IPPROTO_ICMP;

			fuzz_check(tables_allow(t, cell->set, cell->class, proto, r->first),
			           "range %u", k);
			for (int p = 0; p < 4; p++)
				fuzz_check(tables_allow(t, cell->set, cell->class, proto,
				                        ports[p]) ==
				                   image_allow(&c->image, cell->set, cell->class,
				                               proto, ports[p]),
				           "set %u, class %u, port %u", cell->set, cell->class,
				           ports[p]);
		}
	}
	for (size_t i = 0; i < t->n_hosts; i++) {
		fuzz_check(image_host(&c->image, &t->hosts[i].addr) == t->hosts[i].class,
		           "host %zu", i);
		fuzz_check(image_block(&c->image, &t->hosts[i].addr) ==
		                   tables_block(t, &t->hosts[i].addr),
		           "block of host %zu", i);
	}
	for (int f = 0; f < 2; f++)
		for (size_t i = 0; i < t->n_blocks[f]; i++)
			fuzz_check(image_block(&c->image, &t->blocks[f][i].first) ==
			                   t->blocks[f][i].class,
			           "block %zu", i);
}

FUZZ(policy)
{
	char *text = fuzz_copy(data, len), *kept = NULL;
	struct compiled_text first, second;
	struct err e = fuzz_err();
	size_t kept_len = 0;

	for (int relaxed = 0; relaxed < 2; relaxed++) {
		if (make(&first, text, len, relaxed) < 0)
			break;
		image_answers(&first);
		fuzz_check(objects_write(&first.objects, &kept, &kept_len, &e) == 0, "%s", e.msg);
		fuzz_check(make(&second, kept, kept_len, relaxed) == 0,
		           "what was written is refused: %s", kept);
		same(&first, &second, kept);
		drop(&second);
		drop(&first);
		free(kept);
	}
	free(text);
	return 0;
}
