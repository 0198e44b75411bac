/* signer_sandbox.h - shutting the door behind the signer.
 *
 * Two steps, both for good. After signer_sandbox_begin() the process cannot
 * gain rights, be traced or dump core, and has no network where the kernel lets
 * it give that up. After signer_sandbox_enter() a filter allows only what
 * serving takes: reading and writing what is open already, memory, time,
 * random numbers, ending. Everything else, opening and connecting first of
 * all, fails with EPERM. Linux; x86-64 and aarch64. Thread: a process's only.
 */
#ifndef LEDGER_SIGNER_SANDBOX_H
#define LEDGER_SIGNER_SANDBOX_H

#include "base/err.h"

/* Closes every descriptor but `keep`; 0, 1 and 2 become /dev/null, but in
 * builds with sanitizers, which report on 2. Best effort. */
void signer_sandbox_begin(int keep);

/* ERR_IO: the kernel refuses the filter; then no key may be used. */
enum err_code signer_sandbox_enter(struct err *e)
	__attribute__((warn_unused_result));

#endif
