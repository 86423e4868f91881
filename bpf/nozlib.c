/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nozlib.c - what libbpf and libelf want of zlib, which our object never needs: nothing in it is compressed, and it asks
 * for nothing in the kernel's configuration. So the executable does without.
 */
#include <stddef.h>

void *gzopen(const char *path, const char *mode);
int gzclose(void *file);
char *gzgets(void *file, char *buf, int len);
int inflateInit_(void *stream, const char *version, int size);
int inflate(void *stream, int flush);
int inflateReset(void *stream);
int inflateEnd(void *stream);

#define STREAM_ERROR (-2)

void *gzopen(const char *path, const char *mode)
{
	(void)path;
	(void)mode;
	return NULL;
}

int gzclose(void *file)
{
	(void)file;
	return STREAM_ERROR;
}

char *gzgets(void *file, char *buf, int len)
{
	(void)file;
	(void)buf;
	(void)len;
	return NULL;
}

int inflateInit_(void *stream, const char *version, int size)
{
	(void)stream;
	(void)version;
	(void)size;
	return STREAM_ERROR;
}

int inflate(void *stream, int flush)
{
	(void)stream;
	(void)flush;
	return STREAM_ERROR;
}

int inflateReset(void *stream)
{
	(void)stream;
	return STREAM_ERROR;
}

int inflateEnd(void *stream)
{
	(void)stream;
	return STREAM_ERROR;
}
