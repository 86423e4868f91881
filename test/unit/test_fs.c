/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_fs.c - reading with bounds, creation that is complete or not at all, locks with a deadline
 *
 * A file system without O_TMPFILE, or one without hard links, is played by a seccomp filter.
 */
#include "base/fs.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

static char dir[64];
static int dirfd_;

static void setup(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/cnida-test-fs.XXXXXX");
	cr_assert(mkdtemp(dir) != NULL, "mkdtemp: %s", strerror(errno));
	dirfd_ = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert(dirfd_ >= 0, "open %s: %s", dir, strerror(errno));
}

/* Remove what lies below @fd, two levels of directories at most. Returns how many entries there were. */
static int clear(int fd, int depth)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), n = 0;
	DIR *d = fdopendir(copy);
	struct dirent *ent;

	while (d && (ent = readdir(d))) {
		if (strcmp(ent->d_name, ".") == 0 || strcmp(ent->d_name, "..") == 0)
			continue;
		n++;
		if (unlinkat(fd, ent->d_name, 0) < 0 && depth < 5) {
			int sub = openat(fd, ent->d_name,
			                 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			(void)clear(sub, depth + 1);
			(void)close(sub);
			(void)unlinkat(fd, ent->d_name, AT_REMOVEDIR);
		}
	}
	if (d)
		(void)closedir(d);
	return n;
}

static void teardown(void)
{
	(void)clear(dirfd_, 0);
	(void)close(dirfd_);
	(void)rmdir(dir);
}

TestSuite(fs, .init = setup, .fini = teardown);

static void make_file(const char *name, const void *data, size_t len)
{
	_cleanup_close_ int fd =
		openat(dirfd_, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	cr_assert(fd >= 0 && write(fd, data, len) == (ssize_t)len, "%s: %s", name, strerror(errno));
}

static void expect_content(const char *row, const char *name, const char *want)
{
	char buf[256] = "";
	_cleanup_close_ int fd = openat(dirfd_, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, buf, sizeof(buf) - 1);

	cr_expect(fd >= 0 && n == (ssize_t)strlen(want) && strcmp(buf, want) == 0,
	          "%s: %s holds \"%s\", expected \"%s\"", row, name, buf, want);
}

Test(fs, read)
{
	static const struct {
		const char *row, *name;
		size_t cap;
		ssize_t want;
	} rows[] = {
		{ "room to spare", "four", 64, 4 },
		{ "just room", "four", 5, 4 },
		{ "no room for the end", "four", 4, -EFBIG },
		{ "too large", "four", 2, -EFBIG },
		{ "empty", "empty", 64, 0 },
		{ "empty, smallest buffer", "empty", 1, 0 },
		{ "missing", "none", 64, -ENOENT },
		{ "directory", "sub", 64, -EISDIR },
		{ "symbolic link", "link", 64, -ELOOP },
		{ "FIFO without a writer", "fifo", 64, 0 },
		{ "file as a directory", "four/x", 64, -ENOTDIR },
	};

	make_file("four", "abcd", 4);
	make_file("empty", "", 0);
	(void)mkdirat(dirfd_, "sub", 0700);
	cr_assert_eq(symlinkat("four", dirfd_, "link"), 0, "symlinkat: %s", strerror(errno));
	(void)mkfifoat(dirfd_, "fifo", 0600);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char buf[65], path[128];
		struct err e = { 0 };
		ssize_t r;

		memset(buf, '#', sizeof(buf));
		r = fs_read(dirfd_, rows[i].name, buf, rows[i].cap, &e);
		cr_expect(r == rows[i].want, "%s: returned %zd, expected %zd", rows[i].row, r,
		          rows[i].want);
		cr_expect(buf[rows[i].cap] == '#', "%s: wrote behind the buffer", rows[i].row);
		if (r >= 0)
			cr_expect(strlen(buf) == (size_t)r && strncmp(buf, "abcd", (size_t)r) == 0,
			          "%s: \"%s\"", rows[i].row, buf);
		if (r < 0 && r != -EFBIG && r != -EISDIR)
			cr_expect(buf[0] == '#', "%s: failed, but wrote", rows[i].row);
		(void)snprintf(path, sizeof(path), "%s/%s", dir, rows[i].name);
		if (r < 0)
			cr_expect(e.no == -r && strstr(e.msg, path),
			          "%s: \"%s\" (%d), expected one with %s", rows[i].row, e.msg, e.no,
			          path);
		cr_expect(fs_read(dirfd_, rows[i].name, buf, rows[i].cap, NULL) == r,
		          "%s: another result without e", rows[i].row);
	}
}

Test(fs, read_all)
{
	static const size_t sizes[] = { 0,    1,    4094, 4095,  4096,  4097,
		                        8191, 8192, 9999, 10000, 10001, 40000 };
	static char data[40000];
	struct err e;
	ssize_t r;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)('a' + i % 26);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		_cleanup_free_ char *text = NULL;
		ssize_t want = sizes[i] <= 10000 ? (ssize_t)sizes[i] : -EFBIG;

		make_file("f", data, sizes[i]);
		r = fs_read_all(dirfd_, "f", 10000, &text, &e);
		cr_expect(r == want, "%zu bytes: returned %zd, expected %zd", sizes[i], r, want);
		if (r >= 0)
			cr_expect(text[r] == '\0' && memcmp(text, data, (size_t)r) == 0,
			          "%zu bytes: changed", sizes[i]);
		else
			cr_expect(text == NULL, "%zu bytes: failed, but gave a text", sizes[i]);
	}
	_cleanup_free_ char *proc = NULL, *link = NULL, *none = NULL;

	r = fs_read_all(AT_FDCWD, "/proc/self/status", 1 << 20, &proc, &e);
	cr_expect(r > 0 && strncmp(proc, "Name:", 5) == 0, "a file in /proc, of size 0: %zd", r);
	/* Documents are mounted as links (ConfigMap). */
	make_file("f", "doc", 3);
	cr_assert_eq(symlinkat("f", dirfd_, "l"), 0, "symlinkat: %s", strerror(errno));
	r = fs_read_all(dirfd_, "l", 100, &link, &e);
	cr_expect(r == 3 && strcmp(link, "doc") == 0, "through a link: %zd", r);
	r = fs_read_all(dirfd_, "none", 100, &none, &e);
	cr_expect(r == -ENOENT && none == NULL && e.no == ENOENT, "missing: %zd", r);
}

/* Make a system call fail with @no when its argument @arg has all bits of @mask. */
static void deny(int nr, unsigned int arg, uint32_t mask, int no)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nr, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args) + 8 * arg),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, mask, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)no),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = ARRAY_SIZE(code), .filter = code };

	cr_assert(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	                  prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0,
	          "seccomp: %s", strerror(errno));
}

static void expect_create(const char *row)
{
	char attr[16] = "", path[128];
	struct err e = { .code = 77 };
	struct stat st;
	ssize_t n;
	int r;

	r = fs_create(dirfd_, "10.0.0.2", 0600, "c1\r\neth0", 8, "user.cnida", "boot", &e);
	cr_expect(r == 0, "%s: returned %d \"%s\"", row, r, e.msg);
	expect_content(row, "10.0.0.2", "c1\r\neth0");
	cr_expect(fstatat(dirfd_, "10.0.0.2", &st, 0) == 0 && (st.st_mode & 07777) == 0600 &&
	                  st.st_nlink == 1,
	          "%s: mode %o, %u links, expected 600, 1", row, st.st_mode & 07777,
	          (unsigned int)st.st_nlink);
	(void)snprintf(path, sizeof(path), "%s/10.0.0.2", dir);
	n = getxattr(path, "user.cnida", attr, sizeof(attr));
	cr_expect((n == 4 && memcmp(attr, "boot", 4) == 0) || (n < 0 && errno == ENOTSUP),
	          "%s: attribute \"%s\" (%zd)", row, attr, n);

	r = fs_create(dirfd_, "10.0.0.2", 0600, "c2", 2, NULL, NULL, &e);
	cr_expect(r == -EEXIST && e.code == 77,
	          "%s: taken name: %d, code %d, expected %d and an untouched error", row, r, e.code,
	          -EEXIST);
	expect_content(row, "10.0.0.2", "c1\r\neth0");
	r = fs_create(dirfd_, "none/x", 0600, "", 0, NULL, NULL, &e);
	cr_expect(r == -ENOENT && e.no == ENOENT && strstr(e.msg, "none/x"),
	          "%s: no directory: %d \"%s\"", row, r, e.msg);
	(void)snprintf(path, sizeof(path), "%s/by-path", dir);
	r = fs_create(AT_FDCWD, path, 0600, "p", 1, NULL, NULL, &e);
	cr_expect(r == 0, "%s: by path: %d \"%s\"", row, r, e.msg);
	expect_content(row, "by-path", "p");
	r = clear(dirfd_, 0);
	cr_expect(r == 2, "%s: %d files, expected 2", row, r);
}

Test(fs, create)
{
	expect_create("as it is here");
}

Test(fs, create_without_capability)
{
	deny(SYS_linkat, 4, AT_EMPTY_PATH, ENOENT);
	expect_create("without CAP_DAC_READ_SEARCH");
}

Test(fs, create_without_o_tmpfile)
{
	deny(SYS_openat, 2, O_TMPFILE, EOPNOTSUPP);
	expect_create("without O_TMPFILE");
}

Test(fs, create_without_links)
{
	deny(SYS_openat, 2, O_TMPFILE, EISDIR);
	deny(SYS_linkat, 4, 0, EPERM);
	expect_create("without hard links");
}

Test(fs, create_without_attributes)
{
	deny(SYS_fsetxattr, 4, 0, ENOTSUP);
	cr_expect(fs_create(dirfd_, "f", 0600, "x", 1, "user.cnida", "boot", NULL) == 0, "refused");
	expect_content("without attributes", "f", "x");
}

/* Several processes want the same names at the same time: each is had once, and read whole. */
Test(fs, create_competing)
{
	enum { WORKERS = 4, NAMES = 100 };
	int won = 0, status;
	pid_t pids[WORKERS];

	for (int w = 0; w < WORKERS; w++) {
		pids[w] = fork();
		cr_assert(pids[w] >= 0, "fork: %s", strerror(errno));
		if (pids[w] == 0) {
			int mine = 0;

			for (int i = 0; i < NAMES; i++) {
				char name[16];

				(void)snprintf(name, sizeof(name), "%d", i);
				mine += fs_create(dirfd_, name, 0600, "owner", 5, NULL, NULL,
				                  NULL) == 0;
			}
			_exit(mine);
		}
	}
	for (int w = 0; w < WORKERS; w++)
		if (waitpid(pids[w], &status, 0) == pids[w] && WIFEXITED(status))
			won += WEXITSTATUS(status);
	cr_expect(won == NAMES, "%d names were had, expected %d", won, NAMES);
	status = clear(dirfd_, 0);
	cr_expect(status == NAMES, "%d files, expected %d", status, NAMES);
}

Test(fs, replace)
{
	struct err e = { 0 };
	char path[128];
	int r;

	for (int sync = 0; sync < 2; sync++) {
		r = fs_replace(dirfd_, "f", 0640, "first", 5, sync, &e);
		cr_expect(r == 0, "new, sync %d: %d \"%s\"", sync, r, e.msg);
		expect_content("new", "f", "first");
		(void)snprintf(path, sizeof(path), "%s/f", dir);
		r = fs_replace(AT_FDCWD, path, 0640, "2nd", 3, sync, &e);
		cr_expect(r == 0, "by path, sync %d: %d \"%s\"", sync, r, e.msg);
		expect_content("by path", "f", "2nd");
		r = clear(dirfd_, 0);
		cr_expect(r == 1, "sync %d: %d files, expected 1", sync, r);
	}
	(void)mkdirat(dirfd_, "sub", 0700);
	r = fs_replace(dirfd_, "sub", 0640, "x", 1, true, &e);
	cr_expect(r == -EISDIR && strstr(e.msg, "/sub"), "over a directory: %d \"%s\"", r, e.msg);
	r = fs_replace(dirfd_, "none/f", 0640, "x", 1, true, &e);
	cr_expect(r == -ENOENT, "no directory: %d \"%s\"", r, e.msg);
	r = clear(dirfd_, 0);
	cr_expect(r == 1, "after failures: %d files, expected 1", r);
}

/* What a kill between the two steps of a replacement leaves: overwritten by the next one, taken along by a removal. */
Test(fs, replace_killed)
{
	struct err e = { 0 };
	int r = fs_replace(dirfd_, "f", 0600, "first", 5, false, &e);

	cr_expect(r == 0, "new: %d \"%s\"", r, e.msg);
	r = fs_write(dirfd_, ".cnida-f", 0600, "half", 4, &e);
	cr_expect(r == 0, "left-over: %d \"%s\"", r, e.msg);
	r = fs_replace(dirfd_, "f", 0600, "2nd", 3, false, &e);
	cr_expect(r == 0, "over a left-over: %d \"%s\"", r, e.msg);
	expect_content("over a left-over", "f", "2nd");
	r = fs_write(dirfd_, ".cnida-f", 0600, "half", 4, &e);
	cr_expect(r == 0, "left-over again: %d \"%s\"", r, e.msg);
	r = fs_remove(dirfd_, "f", &e);
	cr_expect(r == 0, "remove: %d \"%s\"", r, e.msg);
	r = fs_remove(dirfd_, "f", &e);
	cr_expect(r == 0, "remove what is not there: %d \"%s\"", r, e.msg);
	r = clear(dirfd_, 0);
	cr_expect(r == 0, "after removal: %d files, expected 0", r);
}

Test(fs, write)
{
	static const struct {
		const char *row, *name;
		mode_t mode;
		int want;
	} rows[] = {
		{ "existing", "f", 0600, 0 },
		{ "existing, no mode", "f", 0, 0 },
		{ "new", "g", 0600, 0 },
		{ "missing, no mode", "h", 0, -ENOENT },
		{ "symbolic link", "link", 0600, -ELOOP },
		{ "directory", "sub", 0600, -EISDIR },
		{ "FIFO without a reader", "fifo", 0600, -ENXIO },
	};

	make_file("f", "old content", 11);
	(void)mkdirat(dirfd_, "sub", 0700);
	cr_assert_eq(symlinkat("f", dirfd_, "link"), 0, "symlinkat: %s", strerror(errno));
	(void)mkfifoat(dirfd_, "fifo", 0600);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err e = { 0 };
		int r = fs_write(dirfd_, rows[i].name, rows[i].mode, "1\n", 2, &e);

		cr_expect(r == rows[i].want, "%s: returned %d \"%s\", expected %d", rows[i].row, r,
		          e.msg, rows[i].want);
		if (r == 0)
			expect_content(rows[i].row, rows[i].name, "1\n");
	}
}

Test(fs, mkdirs)
{
	static const struct {
		const char *path;
		int want;
	} rows[] = {
		{ "a", 0 },
		{ "a", 0 },
		{ "a/b/c/d", 0 },
		{ "x//y/", 0 },
		{ "x/./y/../y/z", 0 },
		{ "", 0 },
		{ "f", -ENOTDIR },
		{ "f/g", -ENOTDIR },
		{ "l/m", 0 },
	};
	struct err e;
	int r;

	make_file("f", "", 0);
	cr_assert_eq(symlinkat("a", dirfd_, "l"), 0, "symlinkat: %s", strerror(errno));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct stat st = { 0 };
		char path[128];

		(void)snprintf(path, sizeof(path), "%s/%s", dir, rows[i].path);
		r = fs_mkdirs(path, 0750, &e);
		cr_expect(r == rows[i].want, "%s: returned %d, expected %d", rows[i].path, r,
		          rows[i].want);
		if (r < 0)
			cr_expect(e.no == -r && strstr(e.msg, dir), "%s: \"%s\"", rows[i].path,
			          e.msg);
		else
			cr_expect(stat(path, &st) == 0 && S_ISDIR(st.st_mode), "%s: not there",
			          rows[i].path);
	}
	r = fs_mkdirs("", 0750, &e);
	cr_expect(r == -ENOENT, "no path: %d", r);
}

Test(fs, opendir)
{
	char path[128], missing[160];
	struct err e = { 0 };
	int fd;

	(void)snprintf(path, sizeof(path), "%s/p/q", dir);
	(void)snprintf(missing, sizeof(missing), "%s/f", path);
	for (int i = 0; i < 2; i++) {
		fd = fs_opendir(path, 0755, &e);
		cr_expect(fd >= 0, "%s: %d \"%s\"", path, fd, e.msg);
		cr_expect(fcntl(fd, F_GETFD) == FD_CLOEXEC, "%s: inherited by children", path);
		(void)close(fd);
	}
	(void)close(open(missing, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	fd = fs_opendir(missing, 0755, &e);
	cr_expect(fd == -ENOTDIR && e.no == ENOTDIR, "a file: %d \"%s\"", fd, e.msg);
}

Test(fs, path)
{
	static const struct {
		const char *a, *b;
		int want;
	} rows[] = { { "abc", "defg", 0 },
		     { "abcd", "defg", -ENAMETOOLONG },
		     { "", "", 0 },
		     { "abcdefghijkl", "", -ENAMETOOLONG } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err e = { 0 };
		char buf[9], want[32];
		int r = fs_path(buf, sizeof(buf), &e, "%s/%s", rows[i].a, rows[i].b);

		(void)snprintf(want, sizeof(want), "%s/%s", rows[i].a, rows[i].b);
		cr_expect(r == rows[i].want, "%s: returned %d, expected %d", want, r, rows[i].want);
		if (r == 0)
			cr_expect(strcmp(buf, want) == 0, "\"%s\", expected \"%s\"", buf, want);
		else
			cr_expect(strstr(e.msg, "abcd") != NULL, "%s: \"%s\" does not name it",
			          want, e.msg);
	}
}

static double seconds(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

Test(fs, lock)
{
	static const unsigned int timeouts[] = { 0, 1, 50 };
	struct sigaction ignore = { .sa_handler = SIG_IGN }, now;
	struct err e = { 0 };
	sigset_t block, mask;
	struct stat st;
	int held, fd;

	/* A runtime may have started us with the signal ignored and blocked; both must be found again. */
	(void)sigaction(SIGALRM, &ignore, NULL);
	(void)sigemptyset(&block);
	(void)sigaddset(&block, SIGALRM);
	(void)sigprocmask(SIG_BLOCK, &block, NULL);

	held = fs_lock(dirfd_, "lock", 0750, 1000, &e);
	cr_assert(held >= 0, "a free lock: %d \"%s\"", held, e.msg);
	cr_expect(fcntl(held, F_GETFD) == FD_CLOEXEC, "inherited by children");
	cr_expect(fstat(held, &st) == 0 && st.st_size == 0 && (st.st_mode & 0700) == 0700,
	          "mode %o, size %ld", st.st_mode, (long)st.st_size);
	for (size_t i = 0; i < ARRAY_SIZE(timeouts); i++) {
		double start = seconds(), took;

		fd = fs_lock(dirfd_, "lock", 0750, timeouts[i], &e);
		took = (seconds() - start) * 1000;
		cr_expect(fd == -EAGAIN && e.code == CNI_E_TRY_AGAIN && e.no == EAGAIN,
		          "held, %u ms: %d, code %d, expected %d, %d", timeouts[i], fd, e.code,
		          -EAGAIN, CNI_E_TRY_AGAIN);
		cr_expect(strstr(e.msg, dir) && strstr(e.msg, "/lock "),
		          "held: \"%s\", expected the path", e.msg);
		cr_expect(took >= timeouts[i] && took < timeouts[i] + 1000,
		          "held, %u ms: took %.1f ms", timeouts[i], took);
	}
	cr_expect(sigaction(SIGALRM, NULL, &now) == 0 && now.sa_handler == SIG_IGN,
	          "the handler is not back");
	cr_expect(sigprocmask(SIG_BLOCK, NULL, &mask) == 0 && sigismember(&mask, SIGALRM),
	          "the mask is not back");
	cr_expect(sigpending(&mask) == 0 && !sigismember(&mask, SIGALRM),
	          "a signal is left pending");
	(void)close(held);
	fd = fs_lock(dirfd_, "lock", 0750, 0, &e);
	cr_expect(fd >= 0, "released: %d \"%s\"", fd, e.msg);
	(void)close(fd);
	fd = fs_lock(dirfd_, "none/lock", 0750, 0, &e);
	cr_expect(fd == -ENOENT && e.no == ENOENT, "no directory: %d \"%s\"", fd, e.msg);
	cr_assert_eq(symlinkat("lock", dirfd_, "link"), 0, "symlinkat: %s", strerror(errno));
	fd = fs_lock(dirfd_, "link", 0750, 0, &e);
	cr_expect(fd == -ELOOP, "symbolic link: %d, expected %d", fd, -ELOOP);
}

/* A child without @held, which would be a copy of the lock, waits for the lock; it ends with 0 if what it got in the
 * end is the file behind the name. */
static pid_t start_waiter(int held, unsigned int timeout_ms)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct stat a, b;
		int fd;

		(void)close(held);
		fd = fs_lock(dirfd_, "lock", 0750, timeout_ms, NULL);
		if (fd < 0)
			_exit(1);
		if (fstat(fd, &a) < 0 || fstatat(dirfd_, "lock", &b, 0) < 0)
			_exit(2);
		_exit(a.st_ino == b.st_ino ? 0 : 3);
	}
	return pid;
}

/* Until the process sleeps inside flock(), so that the next step meets it there */
static void await_flock(pid_t pid)
{
	char path[64], text[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/syscall", (int)pid);
	for (int i = 0; i < 2000; i++) {
		if (fs_read(AT_FDCWD, path, text, sizeof(text), NULL) == -EFBIG &&
		    atoi(text) == SYS_flock)
			return;
		(void)usleep(1000);
	}
}

static int result_of(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Test(fs, lock_is_waited_for)
{
	struct err e = { 0 };
	int held = fs_lock(dirfd_, "lock", 0750, 0, &e), r;
	double start = seconds();
	pid_t pid = start_waiter(held, 20000);

	await_flock(pid);
	(void)close(held);
	r = result_of(pid);
	cr_expect(r == 0, "the waiter's result is %d, expected 0", r);
	cr_expect(seconds() - start < 10, "the waiter took %.1f s", seconds() - start);
}

/* Whoever waited for a file that was replaced meanwhile has locked nobody out, and must try again. */
Test(fs, lock_file_is_replaced)
{
	struct err e = { 0 };
	int held = fs_lock(dirfd_, "lock", 0750, 0, &e), held2, r;
	pid_t pid = start_waiter(held, 20000), pid2;

	await_flock(pid);
	(void)unlinkat(dirfd_, "lock", 0);
	held2 = fs_lock(dirfd_, "lock", 0750, 0, &e);
	cr_expect(held2 >= 0, "the new file: %d \"%s\"", held2, e.msg);
	(void)close(held);
	pid2 = start_waiter(held2, 100);
	r = result_of(pid2);
	cr_expect(r == 1, "a second waiter's result is %d, expected 1 (time is up)", r);
	(void)close(held2);
	r = result_of(pid);
	cr_expect(r == 0, "the waiter's result is %d, expected 0", r);

	held = fs_lock(dirfd_, "lock", 0750, 0, &e);
	pid = start_waiter(held, 20000);
	await_flock(pid);
	(void)unlinkat(dirfd_, "lock", 0);
	(void)close(held);
	r = result_of(pid);
	cr_expect(r == 0, "removed for good: the waiter's result is %d, expected 0", r);
}
