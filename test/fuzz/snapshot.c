/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * snapshot.c - fuzz: what policy leaves on the node: snapshot, file of verdicts, image
 *
 * Input: a byte for the kind, then
 *	0	a snapshot's file as it is
 *	1	the text of one: its checksum is made to fit, so that it is the text that is tried
 *	2	a file of verdicts as it is
 *	3	changes (place: two bytes, value) of a good file of verdicts
 *	4	an image as it is
 *	5	changes of a good image
 */
#include "policy/snapshot.h"
#include "policy/compile.h"
#include "policy/image.h"
#include "policy/verdicts.h"
#include "test/fuzz/fuzz.h"

#include <netinet/in.h>

static const char objects_text[] =
	"{\"kind\":\"Namespace\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"x\"}}"
	"{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\",\"namespace\":\"x\",\"labels\":{\"p\":\"a\"}},"
	"\"status\":{\"podIP\":\"10.0.0.1\",\"podIPs\":[{\"ip\":\"10.0.0.1\"},{\"ip\":\"fd00::1\"}]}}"
	"{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"b\",\"namespace\":\"x\"},"
	"\"status\":{\"podIP\":\"10.0.0.2\"}}"
	"{\"kind\":\"NetworkPolicy\",\"apiVersion\":\"networking.k8s.io/v1\",\"metadata\":{\"name\":\"p\",\"namespace\":\"x\"},"
	"\"spec\":{\"podSelector\":{},\"ingress\":[{\"from\":[{\"podSelector\":{\"matchLabels\":{\"p\":\"a\"}}},"
	"{\"ipBlock\":{\"cidr\":\"10.1.0.0/16\",\"except\":[\"10.1.2.0/24\"]}},{\"ipBlock\":{\"cidr\":\"fd01::/64\"}}],"
	"\"ports\":[{\"port\":80},{\"port\":1000,\"endPort\":2000,\"protocol\":\"UDP\"}]}]}}";

static struct tables *good_tables(void)
{
	static struct objects o;
	static struct tables t;
	struct err e;

	if (t.n_pods == 0) {
		objects_init(&o);
		if (objects_read(&o, "good", objects_text, sizeof(objects_text) - 1, &e) < 0 ||
		    objects_finish(&o, &e) < 0 || compile(&o, false, &t, &e) < 0) {
			fprintf(stderr, "%s\n", e.msg);
			exit(2);
		}
	}
	return &t;
}

static void change(uint8_t *bytes, size_t size, struct fuzz_in *in)
{
	while (in->left >= 3) {
		size_t place = fuzz_byte(in);

		place |= (size_t)fuzz_byte(in) << 8;
		bytes[place % size] = fuzz_byte(in);
	}
}

static void try_snapshot(char *file, size_t size, const char *text, size_t len)
{
	struct snapshot s = { 0 };
	struct err e = fuzz_err();
	int r = snapshot_parse(file, size, &s, &e);

	fuzz_judge(r, &e, "snapshot_parse");
	if (text)
		fuzz_check(r == 0 && s.len == len && memcmp(s.text, text, len) == 0, "%s", e.msg);
	if (r < 0)
		free(file);
	else
		snapshot_free(&s);
}

/* snapshot_parse() wants its buffer terminated, as fs_read_all() leaves it. */
static void file_as_it_is(const struct fuzz_in *in)
{
	char *file = malloc(in->left + 1);

	if (!file)
		abort();
	memcpy(file, in->at, in->left);
	file[in->left] = '\0';
	try_snapshot(file, in->left, NULL, 0);
}

static void text_as_it_is(const struct fuzz_in *in)
{
	struct err e = fuzz_err();
	char *file = NULL;
	size_t size = 0;

	if (snapshot_format((const char *)in->at, in->left, 1700000000,
	                    snapshot_sum((const char *)in->at, in->left), &file, &size, &e) == 0)
		try_snapshot(file, size, (const char *)in->at, in->left);
}

/* Every byte that a reader may come to is its. */
static void try_cells(const struct cells *c, uint32_t set)
{
	size_t n, n_ports;
	const struct cell *v = cells_of_set(c, set, &n);
	volatile unsigned int sum = 0;

	for (size_t i = 0; i < n; i++) {
		const struct port_range *r = cells_ports(c, v[i].ports, &n_ports);

		for (size_t k = 0; k < n_ports; k++)
			sum += r[k].last;
	}
}

static void try_verdicts(const uint8_t *bytes, size_t size)
{
	static const char *const names[] = { "a", "b", "c", "" };
	struct verdicts v;
	struct verdict found;

	if (verdicts_use(bytes, size, &v) < 0)
		return;
	for (size_t i = 0; i < 4; i++) {
		(void)verdicts_find(&v, "x", names[i], &found);
		(void)verdicts_find(&v, names[i], "a", &found);
		try_cells(&v.cells, (uint32_t)i);
	}
}

static void good_verdicts(struct fuzz_in *in)
{
	static const struct verdicts_about about = { .n_policies = 1, .n_pods = 2 };
	uint8_t *bytes = NULL;
	size_t size = 0;
	struct err e;

	if (verdicts_build(good_tables(), &about, &bytes, &size, &e) < 0)
		abort();
	change(bytes, size, in);
	try_verdicts(bytes, size);
	free(bytes);
}

static void try_image(uint8_t *bytes, size_t size)
{
	struct image image = { bytes, size };
	struct ip_addr v4 = { .family = AF_INET, .bytes = { 10, 1, 2, 3 } },
		       v6 = { .family = AF_INET6, .bytes = { 0xfd, 1 } };
	struct err e = fuzz_err();

	fuzz_judge(image_check(&image, &e), &e, "image_check");
	for (uint32_t set = 0; set < 4; set++)
		for (uint32_t class = 0; class < 4; class ++)
			(void)image_allow(&image, set, class, IPPROTO_TCP, (uint16_t)(80 * class));
	(void)image_host(&image, &v4);
	(void)image_host(&image, &v6);
	(void)image_block(&image, &v4);
	(void)image_block(&image, &v6);
}

static void good_image(struct fuzz_in *in)
{
	struct image image = { 0 };
	struct err e;

	if (image_build(good_tables(), NULL, 0, 1, 65536, &image, &e) < 0)
		abort();
	change(image.bytes, image.size, in);
	try_image(image.bytes, image.size);
	image_free(&image);
}

FUZZ(snapshot)
{
	struct fuzz_in in = { data, len };
	uint8_t kind = fuzz_byte(&in) % 6, *copy;

	if (kind == 0)
		file_as_it_is(&in);
	else if (kind == 1)
		text_as_it_is(&in);
	else if (kind == 3)
		good_verdicts(&in);
	else if (kind == 5)
		good_image(&in);
	if (kind != 2 && kind != 4)
		return 0;
	copy = fuzz_copy(in.at, in.left);
	if (kind == 2)
		try_verdicts(copy, in.left);
	else
		try_image(copy, in.left);
	free(copy);
	return 0;
}
