/* kill -9 between any two steps: a child goes through a host's life and says
 * what was acknowledged; it ends itself at its n-th step, for every n. Who
 * opens next must find all that was acknowledged, no slot lost to nothing, and
 * must be able to go on from there to the same end.
 */
#include "tests/storage/sector_rig.h"

#include <signal.h>
#include <sys/wait.h>

#define ROUNDS_MAX 400U

enum kind { SPACE, PUT, LIST, SETTLE, DROP, RECORD };

/* A life: two disks, growing, an agreement that grows and shrinks, one that
 * ends, a drain. Positions of the first list at each revision: see lists. */
static const struct act {
	enum kind kind;
	uint32_t a, b; /* SPACE: directory, slots. PUT: from, to. LIST: list,
			  revision. SETTLE: revision. RECORD: sequence */
} life[] = {
	{SPACE, 0, 6},	{PUT, 0, 4},	{LIST, 0, 1},	{PUT, 4, 6},
	{LIST, 0, 2},	{SPACE, 1, 5},	{LIST, 0, 3},	{RECORD, 1, 0},
	{SETTLE, 3, 0}, {PUT, 6, 8},	{LIST, 1, 1},	{SPACE, 0, 3},
	{DROP, 1, 0},	{RECORD, 2, 0}, {PUT, 8, 9},	{LIST, 0, 4},
	{SPACE, 2, 6},	{SPACE, 0, 0},	{SETTLE, 4, 0},
};

/* What a list names at a revision. */
static const struct content {
	uint32_t list, revision, n;
	uint32_t names[8];
	uint32_t op_count;
	struct list_op ops[3];
	uint32_t appends[3]; /* names of the ops that append */
} contents[] = {
	{0, 1, 4, {0, 1, 2, 3}, 0, {{0}}, {0}},
	{0,
	 2,
	 6,
	 {0, 1, 2, 3, 4, 5},
	 2,
	 {{LIST_APPEND, 0, {{0}}}, {LIST_APPEND, 0, {{0}}}},
	 {4, 5}},
	{0,
	 3,
	 4,
	 {0, 5, 2, 3},
	 2,
	 {{LIST_CUT, 1, {{0}}}, {LIST_CUT, 4, {{0}}}},
	 {0}},
	{0, 4, 5, {0, 5, 2, 3, 8}, 1, {{LIST_APPEND, 0, {{0}}}}, {8}},
	{1,
	 1,
	 2,
	 {6, 7},
	 2,
	 {{LIST_APPEND, 0, {{0}}}, {LIST_APPEND, 0, {{0}}}},
	 {6, 7}},
};

static struct srig r;

static const struct content *content_of(uint32_t list, uint32_t revision)
{
	for (size_t i = 0; i < ROWS(contents); i++)
		if (contents[i].list == list &&
		    contents[i].revision == revision)
			return &contents[i];
	return NULL;
}

/* --- acting --- */

static enum err_code act_list(uint32_t list, uint32_t revision)
{
	const struct content *c = content_of(list, revision);
	struct list_op ops[4];
	struct list_change change = {.key = srig_key(list),
				     .revision = revision,
				     .ops = ops,
				     .op_count = c->op_count,
				     .sectors = c->n,
				     .keep = true,
				     .blob = (const uint8_t *)&c->revision,
				     .blob_len = 4};

	memcpy(ops, c->ops, sizeof(c->ops));
	for (uint32_t i = 0; i < c->op_count; i++)
		if (ops[i].kind == LIST_APPEND)
			ops[i].root = srig_root(c->appends[i]);
	if (revision == 1) /* the first: all of it */
		for (change.op_count = 0; change.op_count < c->n;) {
			struct list_op *op = &ops[change.op_count];

			op->kind = LIST_APPEND;
			op->root = srig_root(c->names[change.op_count++]);
		}
	change.root = srig_list_root(c->names, c->n);
	return srig_do(&r, sectors_change, &change, false);
}

static enum err_code act_record(uint32_t sequence)
{
	static uint8_t bytes[100000];
	struct record_put p = {.owner = srig_owner(0),
			       .sequence = sequence,
			       .expires_s = 99999,
			       .bytes = bytes,
			       .len = sizeof(bytes)};

	memset(bytes, (int)sequence, sizeof(bytes));
	return srig_do(&r, sectors_put_placement, &p);
}

/* For the renter whose list is to take it. */
static enum err_code put(uint32_t n)
{
	r.got.done = false;
	return srig_wait(&r, srig_put_as(&r, n, n == 6 || n == 7, false,
					 srig_answer, &r, NULL));
}

static enum err_code act(const struct act *a)
{
	struct list_key key = srig_key(a->kind == DROP ? a->a : 0);
	enum err_code code = ERR_NONE;

	switch (a->kind) {
	case SPACE:
		return srig_space(&r, a->a, a->b);
	case PUT:
		for (uint32_t i = a->a; i < a->b && code == ERR_NONE; i++)
			code = put(i);
		return code;
	case LIST:
		return act_list(a->a, a->b);
	case SETTLE:
		return srig_do(&r, sectors_settle, &key, a->a);
	case DROP:
		return srig_do(&r, sectors_drop, &key);
	case RECORD:
		return act_record(a->a);
	}
	return ERR_STATE;
}

/* --- what must be there --- */

static bool is_named(const struct content *c, uint32_t name)
{
	for (uint32_t i = 0; c && i < c->n; i++)
		if (c->names[i] == name)
			return true;
	return false;
}

/* The last revision of a list up to act `done`; NULL: none, or dropped. */
static const struct content *newest(uint32_t list, size_t done)
{
	const struct content *c = NULL;

	for (size_t i = 0; i < done; i++) {
		if (life[i].kind == LIST && life[i].a == list)
			c = content_of(list, life[i].b);
		if (life[i].kind == DROP && life[i].a == list)
			c = NULL;
	}
	return c;
}

static bool was_put(uint32_t name, size_t done)
{
	for (size_t i = 0; i < done; i++)
		if (life[i].kind == PUT && name >= life[i].a &&
		    name < life[i].b)
			return true;
	return false;
}

static bool was_listed(uint32_t name, size_t done)
{
	for (size_t i = 0; i < done; i++)
		if (life[i].kind == LIST &&
		    is_named(content_of(life[i].a, life[i].b), name))
			return true;
	return false;
}

/* `done` acts were acknowledged; the next one may have happened or not. */
static void check_list(uint32_t list, size_t done)
{
	const struct content *was = newest(list, done);
	const struct content *may =
		newest(list, done < ROWS(life) ? done + 1 : done);
	struct list_key key = srig_key(list);
	enum err_code code = srig_do(&r, sectors_agreement, &key);
	const struct content *is =
		code == ERR_NONE ? content_of(list, r.got.info.revision) : NULL;
	struct hash32 root;

	CHECK(is == was || is == may, "after %zu: list %u is at %u", done, list,
	      is ? is->revision : 0);
	if (!is)
		return;
	root = srig_list_root(is->names, is->n);
	for (uint32_t i = 0; i < is->n; i++)
		CHECK(srig_do(&r, sectors_prove, &key, &root, is->n,
			      (uint64_t)i * SECTOR_LEAVES + 9) == ERR_NONE,
		      "after %zu: list %u, sector %u: %s", done, list, i,
		      r.got.msg);
}

static void check_all(size_t done)
{
	size_t may = done < ROWS(life) ? done + 1 : done;
	struct sectors_volume_state v;
	uint64_t room = 0;

	for (uint32_t list = 0; list < 2; list++)
		check_list(list, done);
	/* staged ones: no list ever took them, and none may have by now */
	for (uint32_t i = 0; i < 9; i++)
		if (was_put(i, done) && !was_listed(i, may))
			CHECK(srig_read(&r, i) == ERR_NONE, "after %zu: %u: %s",
			      done, i, r.got.msg);
	for (uint32_t i = 0; sectors_volume(r.s, i, &v); i++) {
		CHECK(v.open && v.retired == 0, "after %zu: %s", done, v.note);
		room += v.slots - v.used;
	}
	if (done >= ROWS(life))
		CHECK(sectors_free(r.s) == room, "a slot leaked");
	CHECK(r.lost == 0, "after %zu: %u lost", done, r.lost);
}

/* --- the child --- */

static unsigned steps_left;

static void on_step(void *ctx, enum sectors_step step)
{
	(void)ctx;
	(void)step;
	if (__atomic_sub_fetch(&steps_left, 1, __ATOMIC_SEQ_CST) == 0)
		(void)raise(SIGKILL);
}

/* Never returns. */
static void child(int fd, unsigned steps)
{
	steps_left = steps;
	r.cfg.step = on_step;
	srig_start(&r);
	for (size_t i = 0; i < ROWS(life); i++)
		if (act(&life[i]) != ERR_NONE || write(fd, "", 1) != 1)
			_exit(1);
	srig_stop(&r);
	_exit(0);
}

/* How many acts were acknowledged; *through: it was not killed. */
static size_t run_child(unsigned steps, bool *through)
{
	size_t done = 0;
	int fds[2], status;
	char one;
	pid_t pid;

	CHECK(pipe(fds) == 0, "pipe");
	pid = fork();
	if (pid == 0) {
		(void)close(fds[0]);
		child(fds[1], steps);
	}
	(void)close(fds[1]);
	while (read(fds[0], &one, 1) == 1)
		done++;
	(void)close(fds[0]);
	(void)waitpid(pid, &status, 0);
	*through = WIFEXITED(status);
	CHECK(!*through || WEXITSTATUS(status) == 0, "the child failed");
	return done;
}

/* --- rounds --- */

/* From where the child was killed to the end. What had happened may be refused
 * when it is done again. */
static void go_on(size_t done)
{
	for (size_t i = done; i < ROWS(life); i++) {
		enum err_code code = act(&life[i]);

		CHECK(code == ERR_NONE || (i == done && code == ERR_STATE),
		      "act %zu after %zu: %s", i, done, r.got.msg);
	}
	srig_poll(srig_read(&r, 0) == ERR_NONE && /* what was purged */
		  srig_read(&r, 1) == ERR_STATE &&
		  srig_read(&r, 6) == ERR_STATE);
	check_all(ROWS(life));
}

static bool round_through(unsigned steps)
{
	bool through;
	size_t done;

	srig_home(&r);
	done = run_child(steps, &through);
	r.cfg.step = NULL;
	srig_start(&r);
	check_all(done);
	srig_stop(&r);
	srig_check_index(&r);
	if (steps % 4 == 0 || through) {
		srig_start(&r);
		go_on(done);
		srig_stop(&r);
		srig_check_index(&r);
	}
	srig_remove(&r);
	return through;
}

int main(void)
{
	unsigned steps = 1;

	/* no disk is needed for kill -9, and there are many rounds */
	if (access("/dev/shm", W_OK) == 0)
		(void)setenv("TMPDIR", "/dev/shm", 0);
	while (steps < ROUNDS_MAX && !round_through(steps))
		steps++;
	(void)fprintf(stderr, "%u steps\n", steps);
	CHECK(steps > 60 && steps < ROUNDS_MAX, "%u steps", steps);
	return CHECK_EXIT();
}
