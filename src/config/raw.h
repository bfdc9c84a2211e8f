/* The rules file as read: one struct per section, filled by the key tables, before anything is judged. */
#ifndef TG_CONFIG_RAW_H
#define TG_CONFIG_RAW_H

#include "config/key.h"

struct raw_listen {
    struct entry e;
    struct text_field address;
    struct num_field redirect_to_https, proxy_protocol, plain;
};

struct raw_client_address {
    struct entry e;
    struct texts_field trusted_proxies;
    struct text_field header;
};

struct raw_certificate {
    struct entry e;
    struct file_field cert, key;
};

struct raw_session {
    struct entry e;
    struct text_field domain;
    struct num_field lifetime, idle;
    struct text_field cookie;
    struct secrets_field secret;
    struct text_field sign_in_host;
};

struct raw_basic {
    struct entry e;
    struct text_field realm;
    struct objects_field users; /* struct named_secret */
    struct file_field htpasswd;
};

struct raw_github {
    struct entry e;
    struct secret_field client_id, client_secret;
    struct text_field base_url;
};

struct raw_email_pin {
    struct entry e;
    struct text_field smtp;
    struct secret_field username, password;
    struct text_field from;
};

struct raw_service_token {
    struct entry e;
    struct secret_field id;
    struct secrets_field hash;
};

struct raw_actions {
    struct entry e;
    struct texts_field repository, ref, environment;
    struct text_field audience, issuer;
    struct num_field own_preview_only, lifetime;
};

struct raw_gate {
    struct entry e;
    struct object_field basic;           /* struct raw_basic */
    struct object_field github;          /* struct raw_github */
    struct object_field email_pin;       /* struct raw_email_pin */
    struct objects_field service_tokens; /* struct raw_service_token */
    struct num_field service_token_header;
    struct object_field github_actions; /* struct raw_actions */
    struct num_field share_links;
    struct object_field session; /* struct raw_session */
};

struct raw_origin_tls {
    struct entry e;
    struct num_field verify;
    struct file_field ca;
};

struct raw_origin {
    struct entry e;
    struct text_field url, host;
    struct objects_field headers; /* struct named_secret */
    struct object_field tls;      /* struct raw_origin_tls */
    struct num_field http;
    struct num_field connect_timeout, first_byte_timeout, idle_timeout, pool_idle, pool_size;
};

struct raw_rule {
    struct entry e;
    struct text_field name;
    struct texts_field path, methods;
    struct num_field action;
    struct texts_field who, require, except;
    struct num_field lifetime;
};

struct raw_cors {
    struct entry e;
    struct num_field edge;
    struct texts_field origins;
};

struct raw_access {
    struct entry e;
    struct text_field aud;
};

struct raw_host {
    struct entry e;
    struct texts_field host;
    struct text_field tier, origin, gate, clear_cache_until;
    struct name_or_objects_field rules; /* struct raw_rule */
    struct num_field public, noindex;
    struct object_field cors;   /* struct raw_cors */
    struct object_field access; /* struct raw_access */
};

struct raw_expect {
    struct entry e;
    struct text_field request, as;
    struct num_field is;
};

struct raw_pages {
    struct entry e;
    struct file_field logo;
    struct text_field name;
};

struct raw_log {
    struct entry e;
    struct text_field to;
    struct num_field format;
};

struct raw_limits {
    struct entry e;
    struct num_field connections, memory, connections_per_address, header_bytes, header_fields, handshake_timeout,
        header_timeout, body_timeout, body_rate, body_rate_after, write_timeout, write_rate, write_rate_after,
        backpressure_timeout, keepalive_timeout, requests_per_connection, tunnel_idle_timeout, drain_timeout,
        tunnel_grace, login_failures_per_user, login_failures_per_address, login_window, hash_queue,
        hash_queue_per_address;
};

struct raw_root {
    struct entry e;
    struct text_field tier;
    struct objects_field listen;        /* struct raw_listen */
    struct object_field client_address; /* struct raw_client_address */
    struct objects_field certificates;  /* struct raw_certificate */
    struct object_field session;        /* struct raw_session */
    struct objects_field gates;         /* struct raw_gate */
    struct objects_field groups;        /* struct named_texts */
    struct objects_field origins;       /* struct raw_origin */
    struct objects_field rulesets;      /* struct named_objects of struct raw_rule */
    struct objects_field hosts;         /* struct raw_host */
    struct objects_field expect;        /* struct raw_expect */
    struct object_field pages;          /* struct raw_pages */
    struct object_field log;            /* struct raw_log */
    struct object_field limits;         /* struct raw_limits */
};

extern const struct section section_listen, section_client_address, section_certificate, section_session, section_basic,
    section_gate, section_origin, section_origin_tls, section_rule, section_cors, section_host, section_expect,
    section_log, section_limits, section_github, section_email_pin, section_service_token, section_actions,
    section_access, section_pages;

#endif
