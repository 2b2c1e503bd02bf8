/* SPDX-License-Identifier: Apache-2.0 */
/* packet_text: packets as text, to be replayed: HEX[@MARK:PRIORITY:CB0:…:CB4], several with commas.
 * The numbers are hexadecimal, too, and left out where all are zero. */
#ifndef HONE_PACKET_TEXT_H
#define HONE_PACKET_TEXT_H

#include "runtime/deploy/packet_log.h"

/* hone_packets_text() - the caller frees *text. 0 or -ENOMEM. */
int hone_packets_text(const struct hone_packet_log *log, char **text);
/* hone_packets_parse() - to the end of a log. 0, -EINVAL (detail says what is wrong), or -ENOMEM.
 */
int hone_packets_parse(const char *text, struct hone_packet_log *log, char *detail);

#endif
