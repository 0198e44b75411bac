#include "wire/reach/igd.h"

#include "tests/check.h"

#include <string.h>

static void the_search_names_what_it_wants(void)
{
	char text[IGD_TEXT_MAX];
	size_t len = igd_search(text, 0);

	CHECK(len == strlen(text) && strstr(text, "M-SEARCH * HTTP/1.1\r\n") &&
		      strstr(text, "InternetGatewayDevice:1\r\n\r\n"),
	      "%s", text);
	(void)igd_search(text, 1);
	CHECK(strstr(text, "InternetGatewayDevice:2\r\n\r\n"), "%s", text);
}

static void devices_are_found_where_they_are(void)
{
	static const struct {
		const char *name, *ip, *text, *want;
	} rows[] = {
		{"a router", "192.168.0.1",
		 "HTTP/1.1 200 OK\r\nST: x\r\nLOCATION: "
		 "http://192.168.0.1:5000/rootDesc.xml\r\n\r\n",
		 "http://192.168.0.1:5000/rootDesc.xml"},
		{"in small letters, without a space", "192.168.0.1",
		 "HTTP/1.0 200 ok\nlocation:http://192.168.0.1/\n",
		 "http://192.168.0.1/"},
		{"no port, no path", "192.168.0.1",
		 "HTTP/1.1 200 OK\r\nLocation: http://192.168.0.1\r\n",
		 "http://192.168.0.1"},
		{"elsewhere", "192.168.0.1",
		 "HTTP/1.1 200 OK\r\nLOCATION: http://127.0.0.1/x\r\n\r\n",
		 NULL},
		{"nearly there", "192.168.0.1",
		 "HTTP/1.1 200 OK\r\nLOCATION: http://192.168.0.10/\r\n\r\n",
		 NULL},
		{"a user in the URL", "192.168.0.1",
		 "HTTP/1.1 200 OK\r\nLOCATION: "
		 "http://192.168.0.1:x@127.0.0.1/\r\n\r\n",
		 NULL},
		{"https", "192.168.0.1",
		 "HTTP/1.1 200 OK\r\nLOCATION: https://192.168.0.1/\r\n\r\n",
		 NULL},
		{"no location", "192.168.0.1",
		 "HTTP/1.1 200 OK\r\nST: x\r\n\r\n", NULL},
		{"an announcement", "192.168.0.1",
		 "NOTIFY * HTTP/1.1\r\nLOCATION: http://192.168.0.1/\r\n\r\n",
		 NULL},
		{"an error", "192.168.0.1",
		 "HTTP/1.1 500 no\r\nLOCATION: http://192.168.0.1/\r\n\r\n",
		 NULL},
		{"nothing", "192.168.0.1", "", NULL},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		char url[IGD_TEXT_MAX];
		bool found = igd_read_found(url, rows[i].ip,
					    (const uint8_t *)rows[i].text,
					    strlen(rows[i].text));

		CHECK(found == (rows[i].want != NULL) &&
			      (!found || strcmp(url, rows[i].want) == 0),
		      "%s: %s", rows[i].name, found ? url : "none");
	}
}

#define SERVICE(type, url) \
	"<service><serviceType>urn:schemas-upnp-org:service:" type \
	"</serviceType><serviceId>x</serviceId><controlURL>" url \
	"</controlURL></service>"
#define DEVICE(services) \
	"<?xml version=\"1.0\"?><!-- <service> --><root " \
	"xmlns=\"urn:x\"><device>" \
	"<serviceList>" services "</serviceList></device></root>"

static void descriptions_are_read(void)
{
	static const struct {
		const char *name, *text, *control, *service;
	} rows[] = {
		{"one",
		 DEVICE(SERVICE("Layer3Forwarding:1", "/l3")
				SERVICE("WANIPConnection:1", "/ctl/IP")),
		 "http://10.0.0.1:5000/ctl/IP",
		 "urn:schemas-upnp-org:service:WANIPConnection:1"},
		{"version 2, a path without a slash",
		 DEVICE(SERVICE("WANIPConnection:2", " ctl?a=1&amp;b=2\n")),
		 "http://10.0.0.1:5000/ctl?a=1&b=2",
		 "urn:schemas-upnp-org:service:WANIPConnection:2"},
		{"PPP, a whole URL",
		 DEVICE(SERVICE("WANPPPConnection:1", "http://10.0.0.1:80/c")),
		 "http://10.0.0.1:80/c",
		 "urn:schemas-upnp-org:service:WANPPPConnection:1"},
		{"with prefixes",
		 "<a:service><a:serviceType>urn:schemas-upnp-org:service:"
		 "WANIPConnection:1</a:serviceType><a:controlURL>/c"
		 "</a:controlURL></a:service>",
		 "http://10.0.0.1:5000/c",
		 "urn:schemas-upnp-org:service:WANIPConnection:1"},
		{"an URL elsewhere",
		 DEVICE(SERVICE("WANIPConnection:1", "http://127.0.0.1/c")),
		 NULL, NULL},
		{"a user in the URL",
		 DEVICE(SERVICE("WANIPConnection:1",
				"http://10.0.0.1:x@127.0.0.1/c")),
		 NULL, NULL},
		{"no URL", DEVICE(SERVICE("WANIPConnection:1", "")), NULL,
		 NULL},
		{"the URL of another service",
		 DEVICE(SERVICE("WANIPConnection:1", "")
				SERVICE("Layer3Forwarding:1", "/l3")),
		 NULL, NULL},
		{"no such service", DEVICE(SERVICE("WANFoo:1", "/c")), NULL,
		 NULL},
		{"a tag without an end", "<service><serviceType", NULL, NULL},
		{"a comment without an end", "<!-- <service>", NULL, NULL},
		{"no XML", "hello", NULL, NULL},
		{"nothing", "", NULL, NULL},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct igd igd;
		bool good = igd_read_description(
			&igd, "http://10.0.0.1:5000/rootDesc.xml",
			(const uint8_t *)rows[i].text, strlen(rows[i].text));

		CHECK(good == (rows[i].control != NULL) &&
			      (!good ||
			       (strcmp(igd.control, rows[i].control) == 0 &&
				strcmp(igd.service, rows[i].service) == 0)),
		      "%s: %s", rows[i].name, good ? igd.control : "none");
	}
}

static void actions_are_written(void)
{
	const struct igd igd = {"http://10.0.0.1/c", "urn:x:WANIPConnection:1"};
	static const struct {
		struct igd_ask ask;
		const char *header, *says;
	} rows[] = {
		{{.action = IGD_ADDRESS},
		 "SOAPAction: "
		 "\"urn:x:WANIPConnection:1#"
		 "GetExternalIPAddress\"",
		 "<u:GetExternalIPAddress xmlns:u=\"urn:x:WANIPConnection:1\">"
		 "</u:GetExternalIPAddress>"},
		{{IGD_ADD, true, 6881, "10.0.0.2", 3600},
		 "SOAPAction: \"urn:x:WANIPConnection:1#AddPortMapping\"",
		 "<NewRemoteHost></NewRemoteHost><NewExternalPort>6881"
		 "</NewExternalPort><NewProtocol>UDP</NewProtocol>"
		 "<NewInternalPort>6881</NewInternalPort><NewInternalClient>"
		 "10.0.0.2</NewInternalClient><NewEnabled>1</NewEnabled>"},
		{{.action = IGD_DELETE, .port = 6881},
		 "SOAPAction: \"urn:x:WANIPConnection:1#DeletePortMapping\"",
		 "<NewExternalPort>6881</NewExternalPort><NewProtocol>TCP"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		char body[IGD_BODY_MAX], header[IGD_TEXT_MAX];
		size_t len = igd_write(body, header, &igd, &rows[i].ask);

		CHECK(len == strlen(body) && len > 0 &&
			      strcmp(header, rows[i].header) == 0 &&
			      strstr(body, rows[i].says),
		      "row %zu: %s %s", i, header, body);
	}
}

static void answers_are_read(void)
{
	static const struct {
		const char *name, *text;
		unsigned error;
		const char *address;
	} rows[] = {
		{"an address",
		 "<s:Body><u:R><NewExternalIPAddress>203.0.113.7"
		 "</NewExternalIPAddress></u:R></s:Body>",
		 0, "203.0.113.7"},
		{"none", "<s:Body/>", 0, ""},
		{"an error",
		 "<detail><UPnPError xmlns=\"x\"><errorCode>725</errorCode>"
		 "<errorDescription>x</errorDescription></UPnPError></detail>",
		 725, ""},
		{"no number", "<errorCode>x</errorCode>", 0, ""},
		{"an address that is too long",
		 "<NewExternalIPAddress>"
		 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa</"
		 "NewExternalIPAddress>",
		 0, ""},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct igd_answer a;

		igd_read_answer(&a, (const uint8_t *)rows[i].text,
				strlen(rows[i].text));
		CHECK(a.error == rows[i].error &&
			      strcmp(a.address, rows[i].address) == 0,
		      "%s: %u '%s'", rows[i].name, a.error, a.address);
	}
}

int main(void)
{
	the_search_names_what_it_wants();
	devices_are_found_where_they_are();
	descriptions_are_read();
	actions_are_written();
	answers_are_read();
	return CHECK_EXIT();
}
