/* log.h - one line a decision: level, subsystem, key=value.
 *
 * Never keys, passphrases or whole receipts. A struct log is made once by the
 * program and passed down; NULL is allowed everywhere and logs nothing, so
 * tests need none. Thread: any (a line is one write).
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct log;

/* fd is borrowed. Lines above `max` (less urgent) are dropped. */
struct log *log_new(int fd, enum log_level max);
void log_free(struct log *log);
bool log_wants(const struct log *log, enum log_level level);
/* subsystem: "wire", "pay", ... ; fmt gives `event key=value ...` */
void log_line(struct log *log, enum log_level level, const char *subsystem,
	      const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
