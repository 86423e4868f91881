/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * status.c - STATUS: can this node serve an ADD?
 */
#include "endpoint/status.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "endpoint/ipam.h"
#include "endpoint/netconf.h"
#include "endpoint/record.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* The records' folder must take a new file: a full or read-only /run makes every ADD fail. */
static int check_run(struct err *e)
{
	_cleanup_close_ int dir = fs_opendir(RECORD_DIR, 0700, e);

	if (dir < 0)
		return dir;
	if (faccessat(dir, ".", W_OK, AT_EACCESS) < 0)
		return err_sys(e, errno, "%s is not writable", RECORD_DIR);
	return 0;
}

int status(const struct request *req, struct err *e)
{
	struct netconf conf;
	int r = netconf_parse(req, &conf, e);

	if (r == 0)
		r = check_run(e);
	if (r == 0 && *conf.ipam_type)
		return ipam_status(req, conf.ipam_type, e);
	if (r < 0)
		e->code = CNI_E_NOT_AVAILABLE;
	return r;
}
