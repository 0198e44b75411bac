#include "ledger/signer/signer_sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#error "the signer's sandbox knows x86-64 and aarch64"
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#define REFUSE BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (offset))
#define NUMBER offsetof(struct seccomp_data, nr)
/* The low half of an argument; both architectures are little-endian. */
#define ARG(n) (offsetof(struct seccomp_data, args) + 8U * (n))
/* Allows the call and goes on behind two instructions otherwise. */
#define CALL(name) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##name, 0, 1), ALLOW
/* Allows the call unless argument n has one of `bits`. The accumulator holds
 * the number again only where it is compared again. */
#define CALL_UNLESS(name, n, bits) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##name, 0, 4), LOAD(ARG(n)), \
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), 0, 1), REFUSE, \
		ALLOW

static const struct sock_filter filter[] = {
	LOAD(offsetof(struct seccomp_data, arch)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	LOAD(NUMBER), /* the x32 numbers of x86-64 are over all below */
	CALL(read),
	CALL(write),
	CALL(pwrite64),
	CALL(fdatasync),
	CALL(close),
	CALL(clock_gettime),
	CALL(getrandom),
	CALL(futex),
	CALL(brk),
	CALL(munmap),
	CALL(mremap),
	CALL(madvise),
	CALL(munlock),
	CALL(rt_sigreturn),
	CALL(rt_sigprocmask),
	CALL(restart_syscall),
	CALL(sched_yield),
	CALL(getpid),
	CALL(gettid),
	CALL(exit),
	CALL(exit_group),
	CALL_UNLESS(mprotect, 2, PROT_EXEC),
	/* mmap: no code, and no file behind it (there is none to be had) */
	CALL_UNLESS(mmap, 2, PROT_EXEC),
#if SANITIZED
	CALL(sigaltstack),
	CALL(rt_sigaction),
#endif
	REFUSE,
};

static void silence(void)
{
	int null = open("/dev/null", O_RDWR);

	if (null < 0)
		return;
	(void)dup2(null, 0);
	(void)dup2(null, 1);
	if (!SANITIZED)
		(void)dup2(null, 2);
	if (null > 2)
		(void)close(null);
}

static void close_others(int keep)
{
	silence();
	if (keep > 3)
		(void)close_range(3, (unsigned)keep - 1, 0);
	(void)close_range((unsigned)keep + 1, ~0U, 0);
}

void signer_sandbox_begin(int keep)
{
	const struct rlimit no_core = {0, 0};

	close_others(keep);
	(void)setrlimit(RLIMIT_CORE, &no_core);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)unshare(CLONE_NEWNET); /* takes a right that few have */
}

enum err_code signer_sandbox_enter(struct err *e)
{
	const struct sock_fprog program = {
		.len = sizeof(filter) / sizeof(filter[0]),
		.filter = (struct sock_filter *)(void *)filter,
	};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		return err_fail(e, ERR_IO,
				"signer: this kernel refuses the sandbox "
				"(seccomp): %s",
				strerror(errno));
	return ERR_NONE;
}
