#include "wire/reach/igd.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- a little XML: the elements of a text one after another ---- */

struct xml {
	const char *p, *end;
};

struct text {
	const char *p;
	size_t len;
};

static const char *find(const struct xml *x, const char *what)
{
	return memmem(x->p, (size_t)(x->end - x->p), what, strlen(what));
}

/* The next opening or closing tag: its name without a prefix, and what stands
 * behind it up to the next '<'. Comments and the like are passed over. */
static bool next_tag(struct xml *x, struct text *name, bool *closes,
		     struct text *value)
{
	static const struct {
		const char *begin, *end;
	} skips[] = {{"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<", ">"}};
	const char *at, *gt, *lt;

	while ((at = find(x, "<")) != NULL) {
		size_t left = (size_t)(x->end - at);
		unsigned i = 0;

		while (i < 2 && (left < strlen(skips[i].begin) ||
				 memcmp(at, skips[i].begin,
					strlen(skips[i].begin)) != 0))
			i++;
		x->p = at;
		gt = find(x, skips[i].end);
		if (!gt)
			return false;
		x->p = gt + strlen(skips[i].end);
		if (i < 2 || at[1] == '?' || at[1] == '!')
			continue;
		*closes = at[1] == '/';
		name->p = at + 1 + *closes;
		name->len = 0;
		while (name->p + name->len < gt &&
		       !strchr(" \t\r\n/", name->p[name->len]))
			name->len++;
		at = memchr(name->p, ':', name->len);
		if (at) {
			name->len -= (size_t)(at + 1 - name->p);
			name->p = at + 1;
		}
		lt = find(x, "<");
		value->p = x->p;
		value->len = (size_t)((lt ? lt : x->end) - x->p);
		return true;
	}
	return false;
}

static bool is(const struct text *t, const char *name)
{
	return t->len == strlen(name) && memcmp(t->p, name, t->len) == 0;
}

/* Trimmed, with the five entities of XML. False: it does not fit, or holds what
 * is neither of a URL nor of a name. */
static bool copy(char *out, size_t cap, struct text t)
{
	static const struct {
		const char *name;
		char c;
	} entities[] = {{"&amp;", '&'},
			{"&lt;", '<'},
			{"&gt;", '>'},
			{"&quot;", '"'},
			{"&apos;", '\''}};
	size_t n = 0;

	while (t.len && strchr(" \t\r\n", t.p[0])) {
		t.p++;
		t.len--;
	}
	while (t.len && strchr(" \t\r\n", t.p[t.len - 1]))
		t.len--;
	while (t.len) {
		size_t used = 1;
		char c = *t.p;

		for (size_t i = 0; c == '&' && i < 5; i++) {
			size_t len = strlen(entities[i].name);

			if (t.len >= len &&
			    memcmp(t.p, entities[i].name, len) == 0) {
				c = entities[i].c;
				used = len;
				break;
			}
		}
		if (n + 1 >= cap || c <= 0x20 || c == 0x7f)
			return false;
		out[n++] = c;
		t.p += used;
		t.len -= used;
	}
	out[n] = '\0';
	return true;
}

/* ---- the search ---- */

size_t igd_search(char out[IGD_TEXT_MAX], unsigned which)
{
	return (size_t)snprintf(
		out, IGD_TEXT_MAX,
		"M-SEARCH * HTTP/1.1\r\nHOST: " IGD_SEARCH_IP ":%d\r\n"
		"MAN: \"ssdp:discover\"\r\nMX: 1\r\n"
		"ST: urn:schemas-upnp-org:device:InternetGatewayDevice:%u"
		"\r\n\r\n",
		IGD_SEARCH_PORT, which + 1);
}

/* "http://" HOST [":" PORT]: the host's begin and length; 0: no such URL. */
static size_t host_of(const char *url, const char **host)
{
	if (strncasecmp(url, "http://", 7) != 0)
		return 0;
	*host = url + 7;
	return strcspn(*host, ":/?#@");
}

static bool is_at(const char *url, const char *ip)
{
	const char *host;
	size_t len = host_of(url, &host);

	/* a user before the host would make it another */
	return len && host[len] != '@' && !strchr(host, '@') &&
	       len == strlen(ip) && memcmp(host, ip, len) == 0;
}

bool igd_read_found(char url[IGD_TEXT_MAX], const char *ip,
		    const uint8_t *bytes, size_t len)
{
	const char *p = (const char *)bytes, *end = p + len;
	bool first = true;

	for (const char *nl; p < end; p = nl + 1) {
		struct text value;

		nl = memchr(p, '\n', (size_t)(end - p));
		if (!nl)
			nl = end;
		if (first && ((size_t)(nl - p) < 12 ||
			      strncasecmp(p, "HTTP/1.", 7) != 0 ||
			      memcmp(p + 8, " 200", 4) != 0))
			return false;
		first = false;
		if ((size_t)(nl - p) < 9 || strncasecmp(p, "location:", 9) != 0)
			continue;
		value = (struct text){p + 9, (size_t)(nl - p) - 9};
		return copy(url, IGD_TEXT_MAX, value) && is_at(url, ip);
	}
	return false;
}

/* ---- the description ---- */

static bool is_service(const char *type)
{
	static const char *const types[] = {
		"urn:schemas-upnp-org:service:WANIPConnection:1",
		"urn:schemas-upnp-org:service:WANIPConnection:2",
		"urn:schemas-upnp-org:service:WANPPPConnection:1",
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(type, types[i]) == 0)
			return true;
	return false;
}

/* A control URL as it is written, made whole. */
static bool whole_url(char out[IGD_TEXT_MAX], const char *base,
		      const char *written)
{
	const char *host, *other;
	size_t len = host_of(base, &host), authority;
	int n;

	if (!len)
		return false;
	if (host_of(written, &other)) {
		n = snprintf(out, IGD_TEXT_MAX, "%s", written);
	} else {
		authority = (size_t)(host - base) + strcspn(host, "/?#");
		n = snprintf(out, IGD_TEXT_MAX, "%.*s%s%s", (int)authority,
			     base, written[0] == '/' ? "" : "/", written);
	}
	if (n < 0 || (size_t)n >= IGD_TEXT_MAX)
		return false;
	len = host_of(base, &host);
	return host_of(out, &other) == len && memcmp(host, other, len) == 0 &&
	       !strchr(other, '@');
}

bool igd_read_description(struct igd *out, const char *url,
			  const uint8_t *bytes, size_t len)
{
	struct xml x = {(const char *)bytes, (const char *)bytes + len};
	char type[128] = "", control[IGD_TEXT_MAX] = "";
	struct text name, value;
	bool closes;

	if (len > IGD_ANSWER_MAX)
		return false;
	while (next_tag(&x, &name, &closes, &value)) {
		if (is(&name, "service") && !closes)
			type[0] = control[0] = '\0';
		if (is(&name, "serviceType") && !closes &&
		    !copy(type, sizeof(type), value))
			type[0] = '\0';
		if (is(&name, "controlURL") && !closes &&
		    !copy(control, sizeof(control), value))
			control[0] = '\0';
		if (!is(&name, "service") || !closes || !control[0] ||
		    !is_service(type))
			continue;
		(void)snprintf(out->service, sizeof(out->service), "%s", type);
		return whole_url(out->control, url, control);
	}
	return false;
}

/* ---- the actions ---- */

static int write_arguments(char *out, size_t cap, const struct igd_ask *ask)
{
	const char *protocol = ask->udp ? "UDP" : "TCP";

	switch (ask->action) {
	case IGD_ADDRESS:
		break;
	case IGD_ADD:
		return snprintf(out, cap,
				"<NewRemoteHost></NewRemoteHost>"
				"<NewExternalPort>%u</NewExternalPort>"
				"<NewProtocol>%s</NewProtocol>"
				"<NewInternalPort>%u</NewInternalPort>"
				"<NewInternalClient>%s</NewInternalClient>"
				"<NewEnabled>1</NewEnabled>"
				"<NewPortMappingDescription>seedbank"
				"</NewPortMappingDescription>"
				"<NewLeaseDuration>%u</NewLeaseDuration>",
				ask->port, protocol, ask->port, ask->own_ip,
				ask->life_s);
	case IGD_DELETE:
		return snprintf(out, cap,
				"<NewRemoteHost></NewRemoteHost>"
				"<NewExternalPort>%u</NewExternalPort>"
				"<NewProtocol>%s</NewProtocol>",
				ask->port, protocol);
	}
	out[0] = '\0';
	return 0;
}

size_t igd_write(char body[IGD_BODY_MAX], char header[IGD_TEXT_MAX],
		 const struct igd *igd, const struct igd_ask *ask)
{
	static const char *const names[] = {[IGD_ADDRESS] =
						    "GetExternalIPAddress",
					    [IGD_ADD] = "AddPortMapping",
					    [IGD_DELETE] = "DeletePortMapping"};
	const char *name = names[ask->action];
	char arguments[1024];
	int n;

	(void)write_arguments(arguments, sizeof(arguments), ask);
	(void)snprintf(header, IGD_TEXT_MAX, "SOAPAction: \"%s#%s\"",
		       igd->service, name);
	n = snprintf(body, IGD_BODY_MAX,
		     "<?xml version=\"1.0\"?>\r\n"
		     "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/"
		     "envelope/\" s:encodingStyle=\"http://schemas.xmlsoap."
		     "org/soap/encoding/\"><s:Body>"
		     "<u:%s xmlns:u=\"%s\">%s</u:%s></s:Body></s:Envelope>\r\n",
		     name, igd->service, arguments, name);
	return n > 0 && (size_t)n < IGD_BODY_MAX ? (size_t)n : 0;
}

void igd_read_answer(struct igd_answer *out, const uint8_t *bytes, size_t len)
{
	struct xml x = {(const char *)bytes, (const char *)bytes + len};
	struct text name, value;
	char number[16];
	bool closes;

	memset(out, 0, sizeof(*out));
	while (next_tag(&x, &name, &closes, &value)) {
		if (closes)
			continue;
		if (is(&name, "errorCode") &&
		    copy(number, sizeof(number), value))
			(void)sscanf(number, "%6u", &out->error);
		if (is(&name, "NewExternalIPAddress") &&
		    !copy(out->address, sizeof(out->address), value))
			out->address[0] = '\0';
	}
}
