/*
 * sandbox.c - what a process that serves may still ask of the kernel.
 *
 * A bug in us, or in a library, may let a stranger choose what this process
 * does.  With the filter it cannot start a program, look into another process,
 * or reach the network (if the log is a file).  Files it can still open,
 * because a log may be replaced at any time: for files there are users and
 * modes.
 *
 * Three answers.  What serving takes is allowed.  What only an attack asks for
 * ends the process at once.  All else is answered ENOSYS, as by a kernel that
 * does not have it, and the kernel logs it: a C library of next year that tries
 * a new call does without it then, and a site goes on.
 *
 * A process that starts the writer is allowed to execute one program, its own,
 * with the words of link.c.  The filter knows both by their addresses, which
 * are in memory that nobody can write.  What is executed has the same filter,
 * and then one of its own.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <uv.h>

#include "fcgi/base/log.h"
#include "fcgi/publish/link.h"
#include "fcgi/serve/sandbox.h"

/* What a filter is made for. */
struct needs {
	bool network;		  /* the log is at the other end of one */
	bool forks;		  /* workers */
	const char *const *words; /* of the writer, or NULL: starts none */
};

/* What serving takes, by name: not every machine has every call. */
static const char *const allowed[] = {
    /* bytes, and waiting for them */
    "read", "readv", "pread64", "preadv", "write", "writev", "pwrite64",
    "pwritev", "lseek", "_llseek", "sendto", "sendmsg", "send", "recvfrom",
    "recvmsg", "recv", "sendfile", "sendfile64", "accept", "accept4",
    "shutdown", "getsockopt", "setsockopt", "getsockname", "getpeername",
    "socketpair", "poll", "ppoll", "ppoll_time64", "select", "_newselect",
    "pselect6", "pselect6_time64", "epoll_create", "epoll_create1", "epoll_ctl",
    "epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd", "eventfd2", "pipe",
    "pipe2", "timerfd_create", "timerfd_settime", "timerfd_gettime",
    "timerfd_settime64", "timerfd_gettime64", "inotify_init", "inotify_init1",
    "inotify_add_watch", "inotify_rm_watch", "memfd_create",
    /* files: the log and the keys are opened again, SQLite removes -wal */
    "open", "openat", "close", "close_range", "access", "faccessat",
    "faccessat2", "stat", "stat64", "lstat", "lstat64", "fstat", "fstat64",
    "newfstatat", "fstatat64", "statx", "statfs", "statfs64", "fstatfs",
    "fstatfs64", "readlink", "readlinkat", "getcwd", "getdents", "getdents64",
    "unlink", "unlinkat", "ftruncate", "ftruncate64", "fallocate", "fsync",
    "fdatasync", "sync_file_range", "fadvise64", "fadvise64_64", "fchmod",
    "fchown", "fchown32", "umask", "fcntl", "fcntl64", "flock", "dup", "dup2",
    "dup3",
    /* memory */
    "brk", "munmap", "mremap", "madvise", "mincore", "membarrier",
    /* time, signals, and who we are */
    "clock_gettime", "clock_gettime64", "clock_getres", "clock_getres_time64",
    "clock_nanosleep", "clock_nanosleep_time64", "nanosleep", "gettimeofday",
    "time", "times", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",
    "rt_sigtimedwait", "rt_sigtimedwait_time64", "rt_sigpending",
    "rt_sigsuspend", "sigaltstack", "sigreturn", "restart_syscall", "wait4",
    "waitid", "waitpid", "exit", "exit_group", "getpid", "gettid", "getppid",
    "getuid", "geteuid", "getgid", "getegid", "getuid32", "geteuid32",
    "getgid32", "getegid32", "getrandom", "getrlimit", "ugetrlimit",
    "getrusage", "sysinfo", "uname", "sched_yield", "sched_getaffinity",
    "getcpu", "futex", "futex_time64", "set_robust_list", "get_robust_list",
    "rseq", "seccomp"};

static const char *const allowed_network[] = {
    "connect", "bind", "sendmmsg", "recvmmsg", "recvmmsg_time64"};

/* What the loader of a program asks for besides. */
static const char *const allowed_start[] = {
    "arch_prctl", "set_tid_address", "set_tls"};

/* Nothing of ours, and no library of ours, ever asks for these. */
static const char *const attacks[] = {"execveat", "ptrace", "process_vm_readv",
    "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp", "bpf",
    "perf_event_open", "userfaultfd", "keyctl", "add_key", "request_key",
    "mount", "umount", "umount2", "mount_setattr", "move_mount", "open_tree",
    "fsopen", "fsconfig", "fsmount", "fspick", "pivot_root", "chroot",
    "unshare", "setns", "open_by_handle_at", "name_to_handle_at", "setuid",
    "setuid32", "setgid", "setgid32", "setreuid", "setreuid32", "setregid",
    "setregid32", "setresuid", "setresuid32", "setresgid", "setresgid32",
    "setfsuid", "setfsuid32", "setfsgid", "setfsgid32", "setgroups",
    "setgroups32", "capset", "init_module", "finit_module", "delete_module",
    "create_module", "kexec_load", "kexec_file_load", "reboot", "swapon",
    "swapoff", "acct", "quotactl", "quotactl_fd", "iopl", "ioperm",
    "modify_ldt", "vm86", "vm86old", "lookup_dcookie", "nfsservctl",
    "settimeofday", "clock_settime", "clock_settime64", "clock_adjtime",
    "clock_adjtime64", "adjtimex", "stime", "sethostname", "setdomainname",
    "syslog", "vhangup", "mknod", "mknodat", "fork", "vfork"};

/* A build with sanitizers asks for much more. */
enum {
#ifdef __SANITIZE_ADDRESS__
	WITH_SANITIZERS = 1
#else
	WITH_SANITIZERS = 0
#endif
};

#define LENGTH(list) (sizeof(list) / sizeof((list)[0]))

/* --- rules -------------------------------------------------------------- */

/* Each returns 0, or a negative errno of libseccomp. */

/* A name that this libseccomp or this machine does not know is passed over. */
static int
add_names(
    scmp_filter_ctx f, uint32_t action, const char *const *names, size_t n)
{
	int call, rc = 0;
	size_t i;

	for (i = 0; i < n && rc == 0; i++) {
		call = seccomp_syscall_resolve_name(names[i]);
		if (call != __NR_SCMP_ERROR)
			rc = seccomp_rule_add(f, action, call, 0);
	}
	return rc;
}

/* Memory may be written or executed, and never both. */
static int
add_memory(scmp_filter_ctx f, const struct needs *needs)
{
	const int calls[] = {
	    SCMP_SYS(mmap), SCMP_SYS(mmap2), SCMP_SYS(mprotect)};
	int rc = 0;
	size_t i;

	for (i = 0; i < LENGTH(calls) && rc == 0; i++)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i], 1,
		    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	/* The loader of the writer takes code from files. */
	for (i = 0; i < 2 && rc == 0 && needs->words != NULL; i++)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i], 2,
		    SCMP_A2(
			SCMP_CMP_MASKED_EQ, PROT_EXEC | PROT_WRITE, PROT_EXEC),
		    SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, 0));
	return rc;
}

/*
 * A filter cannot see the flags of clone3, so it is not there, and the C
 * library takes clone.  A thread is harmless.
 */
static int
add_processes(scmp_filter_ctx f, const struct needs *needs, uint32_t kill)
{
	const scmp_datum_t forks =
	    CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD;
	const scmp_datum_t spawns = CLONE_VM | CLONE_VFORK | SIGCHLD;
	int rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
	    SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));

	if (rc == 0 && needs->forks)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
		    SCMP_A0(SCMP_CMP_EQ, forks));
	if (rc == 0 && needs->words != NULL)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
		    SCMP_A0(SCMP_CMP_EQ, spawns));
	if (rc == 0 && !needs->forks && needs->words == NULL)
		rc = seccomp_rule_add(f, kill, SCMP_SYS(clone), 1,
		    SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
	return rc;
}

/* Who has children may end them; all others may send a signal to themselves. */
static int
add_signals(scmp_filter_ctx f, const struct needs *needs)
{
	static const char *const calls[] = {"kill", "tgkill"};

	if (needs->forks || needs->words != NULL)
		return add_names(f, SCMP_ACT_ALLOW, calls, LENGTH(calls));
	return seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
	    SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
}

static int
add_execution(scmp_filter_ctx f, const struct needs *needs, uint32_t kill)
{
	scmp_datum_t program = (uintptr_t)link_program;
	scmp_datum_t words = (uintptr_t)needs->words;
	int rc;

	if (needs->words == NULL)
		return seccomp_rule_add(f, kill, SCMP_SYS(execve), 0);
	rc = seccomp_rule_add(
	    f, kill, SCMP_SYS(execve), 1, SCMP_A0(SCMP_CMP_NE, program));
	if (rc == 0)
		rc = seccomp_rule_add(f, kill, SCMP_SYS(execve), 2,
		    SCMP_A0(SCMP_CMP_EQ, program), SCMP_A1(SCMP_CMP_NE, words));
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(execve), 2,
		    SCMP_A0(SCMP_CMP_EQ, program), SCMP_A1(SCMP_CMP_EQ, words));
	return rc == 0 ? add_names(f, SCMP_ACT_ALLOW, allowed_start,
			     LENGTH(allowed_start))
		       : rc;
}

/* A socket of another family than those of Redis and DNS is an attack. */
static int
add_sockets(scmp_filter_ctx f, const struct needs *needs, uint32_t kill)
{
	static const int families[] = {AF_UNIX, AF_INET, AF_INET6};
	int rc, family;
	size_t i;

	rc = seccomp_rule_add(
	    f, kill, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_GT, AF_NETLINK));
	for (family = AF_INET + 1; family < AF_NETLINK && rc == 0; family++)
		if (family != AF_INET6)
			rc = seccomp_rule_add(f, kill, SCMP_SYS(socket), 1,
			    SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family));
	if (!needs->network)
		return rc;
	for (i = 0; i < LENGTH(families) && rc == 0; i++)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
		    SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]));
	return rc == 0 ? add_names(f, SCMP_ACT_ALLOW, allowed_network,
			     LENGTH(allowed_network))
		       : rc;
}

/* Of calls that do many things, what we and our libraries do by them. */
static int
add_parts(scmp_filter_ctx f)
{
	static const unsigned controls[] = {FIONBIO, FIONREAD, FIOCLEX, TCGETS};
	static const int states[] = {PR_SET_NAME, PR_SET_PDEATHSIG,
	    PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, PR_GET_SECCOMP,
	    PR_GET_NO_NEW_PRIVS};
	int rc;
	size_t i;

	rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 2,
	    SCMP_A0(SCMP_CMP_EQ, PR_SET_DUMPABLE), SCMP_A1(SCMP_CMP_EQ, 0));
	if (rc == 0) /* its own limits, and nobody else's */
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1,
		    SCMP_A0(SCMP_CMP_EQ, 0));
	for (i = 0; i < LENGTH(states) && rc == 0; i++)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
		    SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)states[i]));
	for (i = 0; i < LENGTH(controls) && rc == 0; i++)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
		    SCMP_A1(SCMP_CMP_EQ, controls[i]));
	return rc;
}

/* --- entering ----------------------------------------------------------- */

static int
add_all(scmp_filter_ctx f, const struct needs *needs)
{
	uint32_t kill = seccomp_api_get() >= 3 ? SCMP_ACT_KILL_PROCESS
					       : SCMP_ACT_KILL_THREAD;
	int rc = add_names(f, SCMP_ACT_ALLOW, allowed, LENGTH(allowed));

	if (rc == 0)
		rc = add_memory(f, needs);
	if (rc == 0)
		rc = add_parts(f);
	if (rc == 0)
		rc = add_sockets(f, needs, kill);
	if (rc == 0)
		rc = add_processes(f, needs, kill);
	if (rc == 0)
		rc = add_signals(f, needs);
	if (rc == 0)
		rc = add_execution(f, needs, kill);
	return rc == 0 ? add_names(f, kill, attacks, LENGTH(attacks)) : rc;
}

/* 0, or a negative errno: then nothing has changed. */
static int
enter(const struct needs *needs)
{
	scmp_filter_ctx f =
	    WITH_SANITIZERS ? NULL : seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int rc = WITH_SANITIZERS ? 0 : -ENOMEM;

	if (f == NULL)
		return rc;
	/* Best with these, and good without. */
	seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);
	seccomp_attr_set(f, SCMP_FLTATR_CTL_LOG, 1);
	if ((rc = add_all(f, needs)) == 0)
		rc = seccomp_load(f);
	seccomp_release(f);
	return rc;
}

enum {
	UV_WITH_RINGS = 0x012d00 /* 1.45.0, the first libuv that makes them */
};

/*
 * What is asked for by a ring no filter sees, so sandbox_enter allows none.
 * libuv does without where it cannot make one.
 */
void
sandbox_refuse_rings(struct server *srv)
{
	static const char *const calls[] = {"io_uring_setup"};
	scmp_filter_ctx f;

	if (srv->conf.no_sandbox || WITH_SANITIZERS ||
	    uv_version() < UV_WITH_RINGS)
		return;
	f = seccomp_init(SCMP_ACT_ALLOW);
	if (f == NULL)
		return;
	/* Where it cannot be loaded, the other filter cannot either. */
	if (add_names(f, SCMP_ACT_ERRNO(ENOSYS), calls, LENGTH(calls)) == 0)
		(void)seccomp_load(f);
	seccomp_release(f);
}

void
sandbox_enter(struct server *srv, enum sandbox_role role)
{
	struct needs needs = {
	    .network = store_is_remote(srv->conf.db),
	    .forks = role == SANDBOX_PARENT,
	    .words = srv->conf.publish && !srv->plain ? link_words(&srv->conf)
						      : NULL,
	};
	int rc;

	if (srv->conf.no_sandbox || srv->no_seccomp)
		return;
	if ((rc = enter(&needs)) == 0)
		return;
	srv->no_seccomp = true; /* workers need not say it again */
	log_warning(
	    srv->conf.quiet, "sandbox", "serving without: %s", strerror(-rc));
}

void
sandbox_enter_writer(const char *db)
{
	struct needs needs = {.network = store_is_remote(db)};

	(void)enter(&needs); /* whoever started us has said why not */
}
