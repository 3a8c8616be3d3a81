// Loaded into the server (LD_PRELOAD): fails the Nth call of a kind on the files below a directory, and keeps a journal of
// all that changes them, from which test/support/disk.ts builds what a power cut may leave.
//
// The runtime makes many of its system calls without the C library, so that wrapping functions is not enough: a seccomp
// filter traps the calls wherever they are made, and the handler of SIGSYS makes them in their place.
//
//   XS_SHIM_DIR=/path/of/store        whose files are meant
//   XS_SHIM_FAIL=fsync:3:once:5       kind (open write fsync rename unlink mkdir), number from 1 on, once | ever, errno
//   XS_SHIM_ONLY=/store.db            how the paths end that are meant; without it all
//   XS_SHIM_FIRED=/path               gets a line for each call that was failed
//   XS_SHIM_JOURNAL=/path             gets a record for each change
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

enum { OPEN = 1, WRITE, TRUNCATE, SYNC, RENAME, UNLINK, MKDIR };
#define FDS_MAX 65536

static struct { ino_t ino; char *path; } files[FDS_MAX];
static const char *dir, *kind, *only;
static size_t dir_length;
static long nth, count;
static int for_ever, error_number, fired = -1, journal = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

// The one place from which the filter lets every call pass.
long shim_call(long number, long a, long b, long c, long d, long e, long f);
extern char shim_call_end[] __attribute__((visibility("hidden")));
__asm__(".text\n.hidden shim_call\n.globl shim_call\nshim_call:\n mov %rdi,%rax\n mov %rsi,%rdi\n mov %rdx,%rsi\n"
        " mov %rcx,%rdx\n mov %r8,%r10\n mov %r9,%r8\n mov 8(%rsp),%r9\n syscall\n"
        ".hidden shim_call_end\n.globl shim_call_end\nshim_call_end:\n ret\n");
#define CALL(number, a, b, c, d) shim_call(number, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)

static int is_ours(const char *path) {
  return path && strncmp(path, dir, dir_length) == 0 && (path[dir_length] == '/' || path[dir_length] == 0);
}

// The path of an open file that is ours; the number may have been closed since and given to a socket.
static const char *path_of(int fd) {
  if (fd < 0 || fd >= FDS_MAX || !files[fd].path) return NULL;
  struct stat st;
  if (fstat(fd, &st) != 0 || st.st_ino != files[fd].ino || !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))) return NULL;
  return files[fd].path;
}

static int must_fail_as(const char *call, const char *path, const char *name) {
  if (!kind || strcmp(kind, call) != 0) return 0;
  size_t length = strlen(path), suffix = only ? strlen(only) : 0;
  if (suffix > length || (suffix > 0 && strcmp(path + length - suffix, only) != 0)) return 0;
  long number = __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST);
  if (number != nth && !(for_ever && number > nth)) return 0;
  char line[4200];
  int written = snprintf(line, sizeof line, "%s %s\n", name, path);
  if (fired >= 0) CALL(SYS_write, fired, line, written, 0);
  return 1;
}

static int must_fail(const char *call, const char *path) { return must_fail_as(call, path, call); }

static int is_journaled(const char *path) {
  size_t length = strlen(path);
  return journal >= 0 && !(length > 4 && strcmp(path + length - 4, "-shm") == 0);
}

static void note(uint32_t op, uint64_t ino, uint64_t offset, const char *path, const char *other, const void *data, uint64_t size) {
  struct __attribute__((packed)) { uint32_t op, path, other, pad; uint64_t ino, offset, size; } head = {
    op, strlen(path), other ? strlen(other) : 0, 0, ino, offset, size };
  struct iovec parts[4] = { { &head, sizeof head }, { (void *)path, head.path }, { (void *)other, head.other }, { (void *)data, size } };
  if (CALL(SYS_writev, journal, parts, 4, 0) != (long)(sizeof head + head.path + head.other + size)) abort();
}

static long opened(int at, const char *path, int flags, mode_t mode) {
  if (is_ours(path) && must_fail("open", path)) return -error_number;
  long fd = CALL(SYS_openat, at, path, flags, mode);
  struct stat st;
  if (fd < 0 || fd >= FDS_MAX || !is_ours(path) || (flags & O_PATH) || fstat(fd, &st) != 0) return fd;
  pthread_mutex_lock(&lock);
  free(files[fd].path);
  files[fd].path = strdup(path);
  files[fd].ino = st.st_ino;
  if (is_journaled(path) && S_ISREG(st.st_mode)) {
    note(OPEN, st.st_ino, 0, path, NULL, NULL, 0);
    if (flags & O_TRUNC) note(TRUNCATE, st.st_ino, 0, path, NULL, NULL, 0);
  }
  pthread_mutex_unlock(&lock);
  return fd;
}

// Writes are noted before they are made, so that a kill between the two leaves the journal ahead, never behind.
static long written(long number, int fd, const void *data, size_t size, off_t offset) {
  const char *path = path_of(fd);
  if (path && must_fail("write", path)) return -error_number;
  if (!path || !is_journaled(path)) return CALL(number, fd, data, size, offset);
  pthread_mutex_lock(&lock);
  off_t from = number == SYS_pwrite64 ? offset : lseek(fd, 0, SEEK_CUR);
  note(WRITE, files[fd].ino, from, path, NULL, data, size);
  long done = CALL(number, fd, data, size, offset);
  pthread_mutex_unlock(&lock);
  return done;
}

static long synced(long number, int fd) {
  const char *path = path_of(fd);
  if (path && must_fail("fsync", path)) return -error_number;
  if (!path || !is_journaled(path)) return CALL(number, fd, 0, 0, 0);
  pthread_mutex_lock(&lock);
  long done = CALL(number, fd, 0, 0, 0);
  if (done == 0) note(SYNC, files[fd].ino, 0, path, NULL, NULL, 0);
  pthread_mutex_unlock(&lock);
  return done;
}

static long truncated(int fd, off_t size) {
  const char *path = path_of(fd);
  if (path && must_fail_as("write", path, "truncate")) return -error_number;
  if (!path || !is_journaled(path)) return CALL(SYS_ftruncate, fd, size, 0, 0);
  pthread_mutex_lock(&lock);
  note(TRUNCATE, files[fd].ino, size, path, NULL, NULL, 0);
  long done = CALL(SYS_ftruncate, fd, size, 0, 0);
  pthread_mutex_unlock(&lock);
  return done;
}

static long named(uint32_t op, const char *call, const char *path, const char *other, long number, long a, long b, long c, long d) {
  if (!is_ours(path)) return CALL(number, a, b, c, d);
  if (must_fail(call, path)) return -error_number;
  if (journal < 0) return CALL(number, a, b, c, d);
  pthread_mutex_lock(&lock);
  note(op, 0, 0, path, other, NULL, 0);
  long done = CALL(number, a, b, c, d);
  pthread_mutex_unlock(&lock);
  return done;
}

static long called(long number, long a, long b, long c, long d, long e) {
  switch (number) {
    case SYS_open: return opened(AT_FDCWD, (char *)a, b, c);
    case SYS_openat: return opened(a, (char *)b, c, d);
    case SYS_write: return written(number, a, (void *)b, c, 0);
    case SYS_pwrite64: return written(number, a, (void *)b, c, d);
    case SYS_fsync: case SYS_fdatasync: return synced(number, a);
    case SYS_ftruncate: return truncated(a, b);
    case SYS_rename: return named(RENAME, "rename", (char *)a, (char *)b, number, a, b, 0, 0);
    case SYS_renameat: return named(RENAME, "rename", (char *)b, (char *)d, number, a, b, c, d);
    case SYS_renameat2:
      // A fifth argument only this one has; the runtime gives it 0, which is what renameat means.
      return e == 0 ? named(RENAME, "rename", (char *)b, (char *)d, SYS_renameat, a, b, c, d) : -ENOSYS;
    case SYS_unlink: return named(UNLINK, "unlink", (char *)a, NULL, number, a, 0, 0, 0);
    case SYS_unlinkat: return named(UNLINK, "unlink", (char *)b, NULL, number, a, b, c, 0);
    case SYS_mkdir: return named(MKDIR, "mkdir", (char *)a, NULL, number, a, b, 0, 0);
    case SYS_mkdirat: return named(MKDIR, "mkdir", (char *)b, NULL, number, a, b, c, 0);
  }
  return -ENOSYS;
}

static void trapped(int signal, siginfo_t *info, void *context) {
  (void)signal;
  int saved = errno;
  greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
  r[REG_RAX] = called(info->si_syscall, r[REG_RDI], r[REG_RSI], r[REG_RDX], r[REG_R10], r[REG_R8]);
  errno = saved;
}

typedef int Sigaction(int, const struct sigaction *, struct sigaction *);
static Sigaction *set_handler(void) { return (Sigaction *)dlsym(RTLD_NEXT, "sigaction"); }

// The runtime has a handler of its own for SIGSYS, which would be told of calls that it did not make.
int sigaction(int signal, const struct sigaction *action, struct sigaction *old) {
  if (dir && signal == SIGSYS && action) return 0;
  return set_handler()(signal, action, old);
}

#define FIELD(name) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, name))
#define UNLESS(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), 0, skip)
#define TRAP(name) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP)
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

__attribute__((constructor)) static void begin(void) {
  dir = getenv("XS_SHIM_DIR");
  if (!dir) return;
  dir_length = strlen(dir);
  const char *path = getenv("XS_SHIM_JOURNAL");
  if (path) journal = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  path = getenv("XS_SHIM_FIRED");
  if (path) fired = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  only = getenv("XS_SHIM_ONLY");
  const char *fail = getenv("XS_SHIM_FAIL");
  if (fail) {
    char *copy = strdup(fail);
    kind = strtok(copy, ":");
    nth = atol(strtok(NULL, ":"));
    for_ever = strcmp(strtok(NULL, ":"), "ever") == 0;
    error_number = atoi(strtok(NULL, ":"));
  }
  struct sigaction action = { .sa_sigaction = trapped, .sa_flags = SA_SIGINFO | SA_NODEFER };
  if (set_handler()(SIGSYS, &action, NULL) != 0) abort();
  uint64_t end = (uint64_t)shim_call_end;
  struct sock_filter filter[] = {
    FIELD(instruction_pointer), UNLESS(end, 3),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer) + 4), UNLESS(end >> 32, 1), ALLOW,
    FIELD(nr),
    TRAP(open), TRAP(openat), TRAP(write), TRAP(pwrite64), TRAP(fsync), TRAP(fdatasync), TRAP(ftruncate), TRAP(rename),
    TRAP(renameat), TRAP(renameat2), TRAP(unlink), TRAP(unlinkat), TRAP(mkdir), TRAP(mkdirat),
    ALLOW,
  };
  struct sock_fprog program = { sizeof filter / sizeof *filter, filter };
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) abort();
}
