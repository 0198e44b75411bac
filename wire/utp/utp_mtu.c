#include "wire/utp/utp_mtu.h"

#define NEAR_ENOUGH 16U

void utp_mtu_init(struct utp_mtu *m, uint32_t top)
{
	uint32_t size = top < UTP_PACKET_SAFE ? top : UTP_PACKET_SAFE;

	*m = (struct utp_mtu){.size = size, .ceiling = top, .top = top};
}

uint32_t utp_mtu_probe(struct utp_mtu *m, int64_t now_us)
{
	if (m->probing)
		return 0;
	if (m->done_us && now_us - m->done_us >= UTP_MTU_AGAIN_US &&
	    m->size < m->top) {
		m->ceiling = m->top;
		m->done_us = 0;
	}
	if (m->done_us || m->ceiling <= m->size)
		return 0;
	if (m->ceiling == m->top)
		return m->top;
	return m->size + (m->ceiling - m->size + 1) / 2;
}

static void look_done(struct utp_mtu *m, int64_t now_us)
{
	if (m->ceiling - m->size < NEAR_ENOUGH)
		m->done_us = now_us ? now_us : 1;
}

void utp_mtu_sent(struct utp_mtu *m)
{
	m->probing = true;
}

void utp_mtu_acked(struct utp_mtu *m, uint32_t size, int64_t now_us)
{
	m->probing = false;
	if (size > m->size && size <= m->ceiling)
		m->size = size;
	look_done(m, now_us);
}

void utp_mtu_lost(struct utp_mtu *m, uint32_t size, int64_t now_us)
{
	m->probing = false;
	if (size > m->size && size <= m->ceiling)
		m->ceiling = size - 1;
	look_done(m, now_us);
}

void utp_mtu_black_hole(struct utp_mtu *m, int64_t now_us)
{
	uint32_t top = m->top;

	if (m->size <= UTP_PACKET_SAFE)
		return;
	utp_mtu_init(m, top);
	/* what worked before may again, later */
	m->ceiling = m->size;
	m->done_us = now_us ? now_us : 1;
}
