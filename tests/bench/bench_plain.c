/* bench_plain - the least that a transfer can take: no protocol, one thread a
 * side, one file, its bytes in order. What wire.py has beside the clients as
 * `plain`: what a client costs above this is the client's, the rest is the
 * machine's.
 *   bench_plain seed FILE ADDRESS PORT       reads 256 KiB, sends them, to one
 *                                            who connects; then it ends
 *   bench_plain leech FILE ADDRESS PORT [v1|v2|hybrid]
 *                                            receives 256 KiB, hashes them in
 *                                            sixteen messages of 16 KiB as the
 *                                            kind asks (unchecked; none: not at
 *                                            all), writes them; until the end
 */
#include "base/hash.h"
#include "base/sha1_many.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK (256U << 10)
#define BLOCK (16U << 10)
#define BLOCKS (CHUNK / BLOCK)

static uint8_t chunk[CHUNK];

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int seed(int file, int listener)
{
	int sock = accept(listener, NULL, NULL);
	ssize_t n;

	if (sock < 0)
		return fail("accept");
	while ((n = read(file, chunk, CHUNK)) > 0)
		for (ssize_t at = 0, sent; at < n; at += sent) {
			sent = send(sock, chunk + at, (size_t)(n - at),
				    MSG_NOSIGNAL);
			if (sent < 0)
				return fail("send");
		}
	return n < 0 ? fail("read") : 0;
}

static void hash_v1(void)
{
	struct sha1 streams[BLOCKS], *s[BLOCKS];
	const uint8_t *p[BLOCKS];
	uint8_t out[SHA1_LEN];

	for (unsigned i = 0; i < BLOCKS; i++) {
		sha1_init(&streams[i]);
		s[i] = &streams[i];
		p[i] = chunk + (size_t)i * BLOCK;
	}
	sha1_update_many(s, p, BLOCK, BLOCKS);
	for (unsigned i = 0; i < BLOCKS; i++)
		sha1_final(s[i], out);
}

static void hash_v2(void)
{
	uint8_t out[BLOCKS * SHA256_LEN];

	sha256_many(out, chunk, BLOCK, BLOCKS);
}

static int leech(int file, int sock, const char *kind)
{
	for (;;) {
		ssize_t n = recv(sock, chunk, CHUNK, MSG_WAITALL);

		if (n <= 0)
			return n < 0 ? fail("recv") : 0;
		if (strcmp(kind, "v1") == 0 || strcmp(kind, "hybrid") == 0)
			hash_v1();
		if (strcmp(kind, "v2") == 0 || strcmp(kind, "hybrid") == 0)
			hash_v2();
		if (write(file, chunk, (size_t)n) != n)
			return fail("write");
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	bool seeds = argc > 1 && strcmp(argv[1], "seed") == 0;
	int file, sock;

	if (argc < 5 || inet_pton(AF_INET, argv[3], &at.sin_addr) != 1) {
		(void)fprintf(stderr, "usage: bench_plain seed|leech FILE "
				      "ADDRESS PORT [v1|v2|hybrid]\n");
		return 2;
	}
	at.sin_port = htons((uint16_t)strtoul(argv[4], NULL, 10));
	file = seeds ? open(argv[2], O_RDONLY | O_CLOEXEC)
		     : open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
			    0600);
	sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (file < 0 || sock < 0)
		return fail(argv[2]);
	if (!seeds)
		return connect(sock, (struct sockaddr *)&at, sizeof(at)) != 0
			       ? fail("connect")
			       : leech(file, sock, argc > 5 ? argv[5] : "");
	if (bind(sock, (struct sockaddr *)&at, sizeof(at)) != 0 ||
	    listen(sock, 1) != 0)
		return fail("bind");
	(void)puts("listening");
	(void)fflush(stdout);
	return seed(file, sock);
}
