#include "base/db.h"
#include "tests/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define APP 0x73626474

static const char *const migrations[] = {
	"CREATE TABLE t(id INTEGER PRIMARY KEY, b BLOB, s TEXT, a BLOB) STRICT",
	("CREATE TABLE child(t INTEGER NOT NULL REFERENCES t(id)) STRICT;"
	 "INSERT INTO t(id, s) VALUES(1000, 'from the second')"),
	"ALTER TABLE t ADD COLUMN n INTEGER",
};

static char dir[64];

static const char *path_of(const char *name)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static enum err_code open_as(struct db **db, const char *name, size_t count,
			     int32_t app, bool read_only, struct err *e)
{
	struct db_cfg cfg = {.path = path_of(name),
			     .application_id = app,
			     .migrations = migrations,
			     .migration_count = count,
			     .read_only = read_only,
			     .busy_ms = 20};

	return db_open(db, &cfg, e);
}

static struct db *open_new(const char *name)
{
	struct err e = {0};
	struct db *db = NULL;

	CHECK(open_as(&db, name, 3, APP, false, &e) == ERR_NONE, "%s", e.msg);
	return db;
}

static int64_t count_rows(struct db *db)
{
	struct db_stmt *s;
	struct err e = {0};
	int64_t n = -1;
	bool row;

	CHECK(db_prepare(&s, db, "SELECT count(*) FROM t", &e) == ERR_NONE,
	      "%s", e.msg);
	CHECK(db_step(s, &row, &e) == ERR_NONE && row, "%s", e.msg);
	n = db_col_int(s, 0);
	db_stmt_free(s);
	return n;
}

static void values_come_back_with_their_type(void)
{
	struct db *db = open_new("types");
	struct amount big = amount_max112(), got;
	struct db_stmt *in, *out;
	struct err e = {0};
	uint8_t bytes[3];
	size_t len;
	bool row;

	CHECK(db_prepare(&in, db, "INSERT INTO t VALUES(?1,?2,?3,?4,?5)", &e) ==
		      ERR_NONE,
	      "%s", e.msg);
	for (int i = 1; i <= 2; i++) { /* the second run: nothing left bound */
		db_bind_int(in, 1, i);
		db_bind_blob(in, 2, "a\0b", i == 1 ? 3 : 0);
		db_bind_text(in, 3, i == 1 ? "text" : NULL);
		if (i == 1)
			db_bind_amount(in, 4, big);
		db_bind_int(in, 5, INT64_MIN);
		CHECK(db_run(in, &e) == ERR_NONE, "%s", e.msg);
		CHECK(db_changes(db) == 1 && db_last_id(db) == i, "%d", i);
	}
	CHECK(db_prepare(&out, db, "SELECT b,s,a,n FROM t WHERE id=?1", &e) ==
		      ERR_NONE,
	      "%s", e.msg);
	db_bind_int(out, 1, 1);
	CHECK(db_step(out, &row, &e) == ERR_NONE && row, "%s", e.msg);
	CHECK(db_col_bytes(out, 0, bytes, 3) && bytes[2] == 'b', "blob");
	CHECK(!db_col_bytes(out, 0, bytes, 2) && bytes[0] == 0, "wrong size");
	CHECK(strcmp(db_col_text(out, 1), "text") == 0, "text");
	CHECK(db_col_amount(out, 2, &got) && amount_cmp(got, big) == 0,
	      "amount");
	CHECK(db_col_int(out, 3) == INT64_MIN, "int");
	CHECK(!db_col_amount(out, 0, &got) && amount_is_zero(got), "no amount");
	db_bind_int(out, 1, 2); /* without a reset in between */
	CHECK(db_step(out, &row, &e) == ERR_NONE && row, "%s", e.msg);
	CHECK(!db_col_is_null(out, 0) && !db_col_blob(out, 0, &len) && len == 0,
	      "an empty blob is not null");
	CHECK(!db_col_text(out, 1) && db_col_is_null(out, 2), "nulls");
	CHECK(db_step(out, &row, &e) == ERR_NONE && !row, "no third");
	db_stmt_free(in);
	db_stmt_free(out);
	db_close(db);
}

static void a_number_is_read_in_one_step(void)
{
	struct db *db = open_new("number");
	struct db_stmt *s = NULL;
	struct err e = {0};
	int64_t n = 99;

	CHECK(db_prepare(&s, db, "SELECT count(*) FROM t WHERE ?1 > 0", &e) ==
		      ERR_NONE,
	      "%s", e.msg);
	db_bind_int(s, 1, 1);
	CHECK(db_number(s, &n, &e) == ERR_NONE && n == 1, "one: %lld",
	      (long long)n);
	CHECK(db_exec(db, "INSERT INTO t(n) VALUES(1),(2)", &e) == ERR_NONE,
	      "%s", e.msg);
	db_bind_int(s, 1, 1);
	CHECK(db_number(s, &n, &e) == ERR_NONE && n == 3, "three: %lld",
	      (long long)n);
	CHECK(db_exec(db, "DROP TABLE t", &e) == ERR_NONE,
	      "the statement still stands on its row: %s", e.msg);
	db_stmt_free(s);
	CHECK(db_prepare(&s, db, "SELECT 5 WHERE 0", &e) == ERR_NONE, "%s",
	      e.msg);
	CHECK(db_number(s, &n, &e) == ERR_NONE && n == 0, "no row: %lld",
	      (long long)n);
	db_stmt_free(s);
	db_close(db);
}

static void failures_are_told_apart(void)
{
	static const struct {
		const char *name, *sql;
		enum err_code want;
		const char *says;
	} rows[] = {
		{"a duplicate key", "INSERT INTO t(id) VALUES(1000)", ERR_DB,
		 "UNIQUE"},
		{"a broken reference", "INSERT INTO child VALUES(5)", ERR_DB,
		 "FOREIGN KEY"},
		{"a value of another type", "INSERT INTO t(n) VALUES('x')",
		 ERR_DB, "cannot store TEXT"},
		{"a table that is not there", "SELECT * FROM u", ERR_DB,
		 "no such table"},
	};
	struct db *db = open_new("failures");
	struct db_stmt *s;
	struct err e = {0};

	for (size_t i = 0; i < ROWS(rows); i++) {
		memset(&e, 0, sizeof(e));
		CHECK(db_exec(db, rows[i].sql, &e) == rows[i].want, "%s",
		      rows[i].name);
		CHECK(strstr(e.msg, rows[i].says) != NULL, "%s: %s",
		      rows[i].name, e.msg);
	}
	CHECK(db_prepare(&s, db, "SELECT n FROM t WHERE id=?1", NULL) ==
		      ERR_NONE,
	      "prepare");
	db_bind_int(s, 7, 1); /* a bind that fails is told by the step */
	CHECK(db_run(s, NULL) == ERR_DB, "bad parameter");
	db_bind_int(s, 1, 1);
	CHECK(db_run(s, NULL) == ERR_NONE, "and forgotten after it");
	db_stmt_free(s);
	CHECK(db_exec(db, "PRAGMA max_page_count=1", NULL) == ERR_NONE, "full");
	memset(&e, 0, sizeof(e));
	CHECK(db_exec(db, "INSERT INTO t(b) VALUES(zeroblob(100000))", &e) ==
			      ERR_IO &&
		      e.os == ENOSPC,
	      "full disk: %s", e.msg);
	db_close(db);
}

static void transactions_hold_together(void)
{
	struct db *db = open_new("tx");
	struct err e = {0};

	CHECK(db_begin(db, &e) == ERR_NONE && db_in_tx(db), "%s", e.msg);
	CHECK(db_begin(db, NULL) == ERR_STATE, "no second one");
	CHECK(db_exec(db, "INSERT INTO t(id) VALUES(1)", &e) == ERR_NONE, "1");
	CHECK(db_mark(db, &e) == ERR_NONE, "mark");
	CHECK(db_exec(db, "INSERT INTO t(id) VALUES(2)", &e) == ERR_NONE, "2");
	CHECK(db_mark(db, &e) == ERR_NONE, "marks nest");
	CHECK(db_exec(db, "INSERT INTO t(id) VALUES(3)", &e) == ERR_NONE, "3");
	db_mark_keep(db);
	CHECK(count_rows(db) == 4, "staged rows are seen");
	db_mark_undo(db);
	CHECK(count_rows(db) == 2, "undone up to the mark");
	CHECK(db_commit(db, &e) == ERR_NONE && !db_in_tx(db), "%s", e.msg);
	CHECK(db_begin(db, &e) == ERR_NONE, "%s", e.msg);
	CHECK(db_exec(db, "INSERT INTO t(id) VALUES(9)", &e) == ERR_NONE, "9");
	db_rollback(db);
	db_rollback(db);
	CHECK(count_rows(db) == 2, "rolled back");
	CHECK(db_begin(db, &e) == ERR_NONE, "%s", e.msg);
	CHECK(db_exec(db, "INSERT INTO t(id) VALUES(9)", &e) == ERR_NONE, "9");
	db_close(db); /* closing is no commit */
	db = open_new("tx");
	CHECK(count_rows(db) == 2, "not committed by closing");
	db_close(db);
}

static void put_file(const char *name, const char *text)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text),
	      "%s", name);
	(void)close(fd);
}

static void opening_says_what_is_wrong(void)
{
	static const struct {
		const char *name, *file;
		size_t count;
		int32_t app;
		bool read_only;
		enum err_code want;
		const char *says;
	} rows[] = {
		{"a text file", "text", 3, APP, false, ERR_DB,
		 "is damaged, or no database; restore it from a copy"},
		{"a newer version", "newer", 2, APP, false, ERR_DB,
		 "newer version"},
		{"another program's", "newer", 3, APP + 1, false, ERR_DB,
		 "another program"},
		{"nothing there, only to be read", "none", 3, APP, true, ERR_IO,
		 "cannot open"},
		{"an empty file, only to be read", "empty", 3, APP, true,
		 ERR_DB, "is empty"},
		{"an empty file: a new one never is", "empty", 3, APP, false,
		 ERR_DB, "is empty, and was not; restore it from a copy"},
		{"a byte", "byte", 3, APP, false, ERR_DB, "is damaged, or no"},
		{"a folder", "folder", 3, APP, false, ERR_DB, "is no file"},
		{"a FIFO", "fifo", 3, APP, false, ERR_DB, "is no file"},
		{"a FIFO, only to be read", "fifo", 3, APP, true, ERR_DB,
		 "is no file"},
		{"one beside it, only to be read", "beside", 3, APP, true,
		 ERR_DB, "beside-wal: cannot open"},
		{"a folder that is not there", "no/such", 3, APP, false, ERR_IO,
		 "No such file"},
	};
	struct db *db;

	put_file("text", "this is a text that is long enough to be looked at "
			 "as if it were a database header, but it is none...");
	put_file("empty", "");
	put_file("byte", "S");
	CHECK(mkfifo(path_of("fifo"), 0600) == 0, "fifo");
	db_close(open_new("beside"));
	CHECK(mkfifo(path_of("beside-wal"), 0600) == 0, "fifo");
	CHECK(mkdir(path_of("folder"), 0700) == 0, "mkdir");
	db_close(open_new("newer"));
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct err e = {0};

		CHECK(open_as(&db, rows[i].file, rows[i].count, rows[i].app,
			      rows[i].read_only, &e) == rows[i].want,
		      "%s: %s", rows[i].name, e.msg);
		CHECK((db != NULL) == (rows[i].want == ERR_NONE), "%s",
		      rows[i].name);
		CHECK(!rows[i].says || strstr(e.msg, rows[i].says), "%s: %s",
		      rows[i].name, e.msg);
		db_close(db);
	}
}

static void migrations_run_once_and_append(void)
{
	struct db *db;
	struct err e = {0};
	struct stat st;

	for (size_t count = 1; count <= 3; count++) {
		CHECK(open_as(&db, "mig", count, APP, false, &e) == ERR_NONE,
		      "%s", e.msg);
		CHECK(count_rows(db) == (count > 1), "%zu", count);
		db_close(db);
	}
	db = open_new("mig");
	CHECK(count_rows(db) == 1, "not twice");
	db_close(db);
	CHECK(open_as(&db, "mig", 3, APP, true, &e) == ERR_NONE, "%s", e.msg);
	CHECK(db_exec(db, "DELETE FROM t", NULL) == ERR_IO, "read only");
	db_close(db);
	CHECK(stat(path_of("mig"), &st) == 0 && (st.st_mode & 0777) == 0600,
	      "mode %o", (unsigned)st.st_mode);
}

static void a_copy_is_whole_and_new(void)
{
	struct db *db = open_new("orig"), *copy = NULL;
	struct err e = {0};
	char to[128];

	(void)snprintf(to, sizeof(to), "%s", path_of("copy"));
	CHECK(db_exec(db, "INSERT INTO t(id) VALUES(7)", &e) == ERR_NONE, "7");
	CHECK(db_copy_to(db, to, &e) == ERR_NONE, "%s", e.msg);
	CHECK(db_copy_to(db, to, &e) == ERR_IO && e.os == EEXIST, "there");
	copy = open_new("copy");
	CHECK(count_rows(copy) == 2, "rows");
	CHECK(db_check(copy, NULL) == ERR_NONE, "check");
	db_close(copy);
	db_close(db);
}

static void damage_is_found(void)
{
	struct db *db = open_new("hurt");
	struct err e = {0};
	int fd;

	CHECK(db_exec(db, "INSERT INTO t(b) VALUES(zeroblob(60000))", &e) ==
		      ERR_NONE,
	      "fill");
	db_close(db);
	fd = open(path_of("hurt"), O_WRONLY);
	CHECK(pwrite(fd, "damage", 6, 4096) == 6, "write");
	(void)close(fd);
	if (open_as(&db, "hurt", 3, APP, false, &e) == ERR_NONE)
		CHECK(db_check(db, &e) == ERR_DB, "found");
	CHECK(strstr(e.msg, "damaged") != NULL, "%s", e.msg);
	db_close(db);
}

static void a_locked_database_says_so(void)
{
	struct db *a = open_new("lock"), *b = open_new("lock");
	struct err e = {0};

	CHECK(db_begin(a, &e) == ERR_NONE, "%s", e.msg);
	CHECK(db_begin(b, &e) == ERR_DB, "waits, then gives up");
	CHECK(strstr(e.msg, "another process") != NULL, "%s", e.msg);
	CHECK(count_rows(b) == 1, "reading goes on");
	CHECK(db_commit(a, &e) == ERR_NONE, "%s", e.msg);
	CHECK(db_begin(b, NULL) == ERR_NONE, "free again");
	db_close(a);
	db_close(b);
}

/* Six processes create the same file at once and count in it. */
static void processes_share_a_file(void)
{
	enum { CHILDREN = 6, TURNS = 20 };
	struct db *db;
	int ok = 0;

	for (int c = 0; c < CHILDREN; c++) {
		pid_t pid = fork();

		if (pid == 0) {
			struct db_cfg cfg = {.path = path_of("shared"),
					     .application_id = APP,
					     .migrations = migrations,
					     .migration_count = 3};
			bool good = db_open(&db, &cfg, NULL) == ERR_NONE;

			for (int i = 0; good && i < TURNS; i++)
				good = db_begin(db, NULL) == ERR_NONE &&
				       db_exec(db, "INSERT INTO t(n) VALUES(1)",
					       NULL) == ERR_NONE &&
				       db_commit(db, NULL) == ERR_NONE;
			db_close(db);
			_exit(good ? 0 : 1);
		}
	}
	for (int c = 0; c < CHILDREN; c++) {
		int status;

		if (wait(&status) > 0 && WIFEXITED(status) &&
		    WEXITSTATUS(status) == 0)
			ok++;
	}
	CHECK(ok == CHILDREN, "%d", ok);
	db = open_new("shared");
	CHECK(count_rows(db) == 1 + CHILDREN * TURNS, "%lld",
	      (long long)count_rows(db));
	db_close(db);
}

/* Whether another process could take the file for itself. */
static bool is_held(const char *name)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
		int fd = open(path_of(name), O_RDWR | O_CLOEXEC);
		bool held = fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 &&
			    lock.l_type != F_UNLCK;

		_exit(held ? 0 : 1);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0;
}

/* A process loses its locks on a file when it closes any descriptor of it: then
 * another could take a log away that is still written to. */
static void a_second_opening_leaves_the_locks(void)
{
	struct db *a = open_new("locks"), *b;

	CHECK(count_rows(a) == 1 && is_held("locks"), "held while it is open");
	b = open_new("locks");
	CHECK(is_held("locks"), "opened twice");
	db_close(b);
	CHECK(is_held("locks"), "one closed");
	db_close(a);
	CHECK(!is_held("locks"), "both closed");
}

static void clean_up(void)
{
	char cmd[96];

	/* a test's own folder, made by mkdtemp below */
	(void)snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	CHECK(system(cmd) == 0, "clean up");
}

int main(void)
{
	const char *tmp = getenv("TMPDIR");

	(void)snprintf(dir, sizeof(dir), "%.40s/sb-db-XXXXXX",
		       tmp ? tmp : "/tmp");
	if (!mkdtemp(dir))
		return 1;
	values_come_back_with_their_type();
	a_number_is_read_in_one_step();
	failures_are_told_apart();
	transactions_hold_together();
	opening_says_what_is_wrong();
	migrations_run_once_and_append();
	a_copy_is_whole_and_new();
	damage_is_found();
	a_locked_database_says_so();
	processes_share_a_file();
	a_second_opening_leaves_the_locks();
	clean_up();
	return CHECK_EXIT();
}
