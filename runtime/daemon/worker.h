/* SPDX-License-Identifier: Apache-2.0 */
/* worker: honec, kept warm behind two pipes. Its death is a refusal of what it was asked. */
#ifndef HONE_WORKER_H
#define HONE_WORKER_H

#include "compiler/facts.h"
#include "runtime/daemon/loop.h"

struct hone_worker;

/* Called from the loop, once per question. May move *result out; what is left is freed. */
typedef void (*hone_worker_fn)(void *arg, struct hone_result *result);

/* hone_worker_new() - start honec (path; looked up in no PATH). A missing honec is no error here:
 * every question is then answered NO_WORKER. Only fails without memory. */
int hone_worker_new(struct hone_loop *loop, const char *path, struct hone_worker **out);
void hone_worker_free(struct hone_worker **worker);

/* hone_worker_ask() - queue a request; it is encoded at once and not kept. Returns 0 or -errno. */
int hone_worker_ask(struct hone_worker *worker, const struct hone_request *request,
		    hone_worker_fn fn, void *arg);

/* hone_worker_forget() - arg's questions are no longer of interest: fn is not called. */
void hone_worker_forget(struct hone_worker *worker, const void *arg);

/* pid of the running honec, 0: none; why there is none, "" if there is. */
int hone_worker_pid(const struct hone_worker *worker);
const char *hone_worker_why(const struct hone_worker *worker);

/* honec beside this program, as it is built and as it is installed. Static. */
const char *hone_worker_path(void);

#endif
