/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compile.c - NetworkPolicy objects to verdict tables, without any effect
 */
#include "policy/compile.h"

#include "policy/compiler.h"

#include <stdlib.h>

static void compiler_free(struct compiler *c)
{
	intern_free(&c->names);
	intern_free(&c->pod_ports);
	free(c->groups);
	free(c->first_group);
	select_free(&c->pods);
	select_free(&c->namespaces);
	free(c->kinds);
	free(c->first_kind);
	free(c->kind_of_pod);
	ports_free(&c->ports);
	blocks_free(&c->blocks);
	free(c->policies);
	free(c->isolates[0]);
	free(c->isolates[1]);
	free(c->rules);
	numbers_free(&c->rule_names);
	numbers_free(&c->rule_targets);
	intern_free(&c->targets);
	numbers_free(&c->groups_of_target);
	free(c->ports_of_class);
	lists_free(&c->classes_of_target);
	lists_free(&c->classes_of_name);
	lists_free(&c->policies_of);
	intern_free(&c->rows);
}

int compile(const struct objects *objects, bool relaxed, struct tables *ret, struct err *e)
{
	struct compiler c = { .o = objects, .relaxed = relaxed };
	int r;

	*ret = (struct tables) { .n_sets = 0 };
	r = compile_pods(&c);
	if (r == 0)
		r = compile_rules(&c);
	if (r == 0)
		r = compile_peers(&c);
	if (r == 0)
		r = compile_sets(&c);
	if (r == 0)
		r = compile_tables(&c, ret);
	compiler_free(&c);
	if (r == 0)
		return 0;
	tables_free(ret);
	if (r == -E2BIG)
		return err_set(e, CNI_E_CONFIG, E2BIG,
		               "%zu policies and %zu pods combine to more than %u entries",
		               objects->n_policies, objects->n_pods, TABLES_CELLS_MAX);
	return err_sys(e, -r, "compile the policies");
}
