/* SPDX-License-Identifier: MIT */
/*
 * certs.h - authorities and certificates for tests, as files.
 */
#ifndef CERTS_H
#define CERTS_H

#include <stdio.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "check.h"

struct cert {
    X509 *x509;
    EVP_PKEY *key;
    char file[128];                 /* certificate and key */
};

/* What one is to say. */
struct cert_form {
    const char *folder, *name;      /* its file; the subject's CN */
    const char *alt;                /* "DNS:localhost,IP:127.0.0.1", or NULL */
    const struct cert *signer;      /* NULL: itself, as an authority */
    long from_s, until_s;           /* from now on */
};

static inline void cert_extend(X509 *x509, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    CHECK(extension != NULL);
    CHECK_EQ(X509_add_ext(x509, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static inline void cert_write(const struct cert *cert)
{
    FILE *out = fopen(cert->file, "w");

    CHECK(out != NULL);
    CHECK_EQ(PEM_write_X509(out, cert->x509), 1);
    CHECK_EQ(PEM_write_PrivateKey(out, cert->key, NULL, NULL, 0, NULL, NULL),
             1);
    CHECK_EQ(fclose(out), 0);
}

static inline void cert_make(struct cert *cert, const struct cert_form *form)
{
    X509_NAME *name;

    snprintf(cert->file, sizeof cert->file, "%s/%s.pem", form->folder,
             form->name);
    cert->key = EVP_EC_gen("P-256");
    cert->x509 = X509_new();
    CHECK(cert->key != NULL && cert->x509 != NULL);
    X509_set_version(cert->x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert->x509),
                     form->signer == NULL ? 1 : (long)form->name[0]);
    X509_gmtime_adj(X509_getm_notBefore(cert->x509), form->from_s);
    X509_gmtime_adj(X509_getm_notAfter(cert->x509), form->until_s);
    X509_set_pubkey(cert->x509, cert->key);
    name = X509_get_subject_name(cert->x509);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               (const unsigned char *)form->name, -1, -1, 0);
    X509_set_issuer_name(cert->x509, form->signer == NULL ? name
                         : X509_get_subject_name(form->signer->x509));
    if (form->signer == NULL)
        cert_extend(cert->x509, NID_basic_constraints, "critical,CA:TRUE");
    if (form->alt != NULL)
        cert_extend(cert->x509, NID_subject_alt_name, form->alt);
    CHECK(X509_sign(cert->x509, form->signer == NULL ? cert->key
                    : form->signer->key, EVP_sha256()) > 0);
    cert_write(cert);
}

static inline void cert_free(struct cert *cert)
{
    X509_free(cert->x509);
    EVP_PKEY_free(cert->key);
    remove(cert->file);
}

#endif
