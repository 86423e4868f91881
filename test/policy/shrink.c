/* SPDX-License-Identifier: GPL-2.0-or-later */
/* shrink.c - the smallest part of a JSON value for which something still holds */
#include "test/policy/shrink.h"

#include <stdlib.h>
#include <string.h>

static bool shrink_array(json_t *array, shrink_fn *shows, void *arg)
{
	bool changed = false;

	for (size_t i = json_array_size(array); i-- > 0;) {
		json_t *item = json_incref(json_array_get(array, i));

		json_array_remove(array, i);
		if (shows(arg))
			changed = true;
		else
			json_array_insert(array, i, item);
		json_decref(item);
	}
	return changed;
}

static bool shrink_object(json_t *object, shrink_fn *shows, void *arg)
{
	json_t *keys = json_array(), *value, *item;
	const char *key;
	bool changed = false;
	size_t i;

	json_object_foreach(object, key, value)
		json_array_append_new(keys, json_string(key));
	json_array_foreach(keys, i, item) {
		key = json_string_value(item);
		value = json_incref(json_object_get(object, key));
		json_object_del(object, key);
		if (shows(arg))
			changed = true;
		else
			json_object_set(object, key, value);
		json_decref(value);
	}
	json_decref(keys);
	return changed;
}

static bool shrink_once(json_t *v, shrink_fn *shows, void *arg)
{
	bool changed = json_is_array(v)    ? shrink_array(v, shows, arg)
	               : json_is_object(v) ? shrink_object(v, shows, arg)
	                                   : false;
	const char *key;
	json_t *item;
	size_t i;

	json_array_foreach(v, i, item)
		changed |= shrink_once(item, shows, arg);
	json_object_foreach(v, key, item)
		changed |= shrink_once(item, shows, arg);
	return changed;
}

void shrink(json_t *v, shrink_fn *shows, void *arg)
{
	while (shrink_once(v, shows, arg))
		;
}
