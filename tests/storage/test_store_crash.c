/* kill -9 at any moment loses no verified piece: a child writes and reports
 * what was verified; it is killed; who opens next must find all of it.
 */
#include "tests/storage/rig.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

/* Writes the pieces that are not there yet, in an order of its own, for ever
 * into the same directory; never returns. */
static void child(struct rig *r, struct rig_torrent *t, int fd, uint64_t seed)
{
	const struct store_env_cfg quick = {.save_ms = 2,
					    .save_bytes = 1 << 20};
	struct rng rng = rng_seeded(seed);
	uint32_t start = rng_below(&rng, t->pieces), missing = 0;
	uint8_t one = 0;
	size_t len;

	r->report_fd = fd;
	rig_start(r, &quick);
	rig_open(r, t);
	if (write(fd, &(uint32_t){UINT32_MAX}, 4) != 4) /* begun */
		_exit(1);
	for (uint32_t i = 0; i < t->pieces; i++) {
		uint32_t p = (start + i * 7) % t->pieces;

		if (!bits_get(store_have(r->store, &len), p)) {
			missing++;
			rig_write_piece(r, p, &rng, false);
		}
		if (i % 3 == 0)
			rig_until(r, (one ^= 1));
	}
	rig_until(r, r->good == missing);
	(void)close(fd);
	for (;;) /* through: wait for the end */
		(void)poll(NULL, 0, -1);
}

/* Reads reports until `stop` pieces came or the child is through; then kills.
 */
static uint32_t run_and_kill(struct rig *r, struct rig_torrent *t,
			     uint64_t seed, uint32_t stop, uint8_t *reported)
{
	uint32_t piece, got = 0;
	int fds[2], status;
	pid_t pid;

	CHECK(pipe(fds) == 0, "pipe");
	pid = fork();
	if (pid == 0) {
		(void)close(fds[0]);
		child(r, t, fds[1], seed);
		_exit(0);
	}
	(void)close(fds[1]);
	while (got < stop) {
		struct pollfd p = {.fd = fds[0], .events = POLLIN};

		if (poll(&p, 1, 1000) <= 0 || read(fds[0], &piece, 4) != 4)
			break;
		if (piece == UINT32_MAX)
			continue;
		bits_set(reported, piece);
		got++;
	}
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	CHECK(WIFSIGNALED(status), "it lived until then");
	while (read(fds[0], &piece, 4) == 4) /* said before it died */
		if (piece != UINT32_MAX)
			bits_set(reported, piece);
	(void)close(fds[0]);
	return got;
}

/* Returns how many pieces were trusted as recorded, over all rounds. */
static uint32_t nothing_verified_is_lost(uint64_t seed)
{
	const struct store_env_cfg late = {.save_ms = 600000};
	struct store_stats stats;
	uint32_t trusted = 0;
	struct rng rng = rng_seeded(seed);
	struct rig_torrent t;
	struct rig r;
	uint8_t *reported;
	size_t len;

	memset(&t, 0, sizeof(t));
	t.piece_len = 65536U << rng_below(&rng, 3);
	rig_add_file(&t, "a", 1000000 + rng_below(&rng, 1000000), false);
	for (int i = 0; i < 8; i++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "many/%d", i);
		rig_add_file(&t, path, rng_below(&rng, 30000), i == 5);
	}
	rig_add_file(&t, "b", 3000000, false);
	rig_torrent_finish(&t, seed);
	rig_home(&r);
	reported = calloc(1, bits_bytes(t.pieces));
	for (int round = 0; round < 4; round++) {
		struct rig dead = r; /* the child's, in its own memory */
		struct rig next = r;

		(void)run_and_kill(&dead, &t, seed + (uint64_t)round,
				   rng_below(&rng, t.pieces / 2), reported);
		rig_start(&next, &late);
		rig_open(&next, &t);
		store_stats_get(next.store, &stats);
		trusted += stats.saved;
		for (uint32_t p = 0; p < t.pieces; p++)
			CHECK(!bits_get(reported, p) ||
				      bits_get(store_have(next.store, &len), p),
			      "seed %d round %d: piece %u was verified",
			      (int)seed, round, p);
		next.lost = 0;
		next.verified = false;
		CHECK(store_verify(next.store, rig_verified, &next, NULL) ==
			      ERR_NONE,
		      "verify");
		rig_until(&next, next.verified);
		CHECK(next.lost == 0 && next.found == 0,
		      "what it has is good, and all of it");
		rig_stop(&next);
	}
	free(reported);
	rig_remove(&r);
	rig_torrent_clear(&t);
	return trusted;
}

int main(void)
{
	uint32_t trusted = 0;

	for (uint64_t seed = 1; seed <= 6; seed++)
		trusted += nothing_verified_is_lost(seed);
	CHECK(trusted > 0, "the records of the dead were of some use");
	return CHECK_EXIT();
}
