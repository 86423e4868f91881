/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * node_files.h - what install, uninstall and doctor know of a node's CNI folders
 */
#ifndef CNIDA_CLI_NODE_FILES_H
#define CNIDA_CLI_NODE_FILES_H

#define CNI_BIN_DIR_DEFAULT  "/opt/cni/bin"
#define CNI_CONF_DIR_DEFAULT "/etc/cni/net.d"
#define UPSTREAM_SUFFIX      ".upstream"
#define NODE_FILE_MAX        256 /* a file name with its NUL */
#define EXECUTABLE_MAX       (64U << 20)

enum node_file {
	NODE_FILE_NONE,
	NODE_FILE_OURS,  /* a link to cnida beside it */
	NODE_FILE_OTHER, /* somebody else's plugin */
};

/* node_file_kind() - What lies under a plugin's name. */
enum node_file node_file_kind(int dir, const char *name);

#endif
