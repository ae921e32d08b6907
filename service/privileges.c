/* SPDX-License-Identifier: MIT */

#include "privileges.h"

#include <cap-ng.h>
#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <syslog.h>
#include <unistd.h>

#include "log.h"
#include "outcome.h"

/* libcap-ng's idea of our capabilities from now on: CAP_NET_RAW permitted, and in the bounding set
 * for the child. */
static int select_net_raw(void)
{
    capng_clear(CAPNG_SELECT_ALL);
    return capng_update(CAPNG_ADD, CAPNG_PERMITTED | CAPNG_BOUNDING_SET, CAP_NET_RAW);
}

static int become(const char *user)
{
    struct passwd *entry;
    int r;

    errno = 0;
    entry = getpwnam(user);
    if (!entry) {
        log_message(
            LOG_ERR,
            "there is no user %s to run as: create it, or name another with --user=", QUOTE(user));
        return errno ? -errno : -ENOENT;
    }
    if (entry->pw_uid == 0) {
        log_message(LOG_ERR, "--user=%s is root: name a user without privileges", QUOTE(user));
        return -EPERM;
    }

    /* The bounding set first: to change it takes a capability that is gone afterwards. */
    r = select_net_raw();
    if (r == 0)
        r = capng_apply(CAPNG_SELECT_BOUNDS);
    if (r == 0)
        r = capng_change_id((int)entry->pw_uid, (int)entry->pw_gid,
                            CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_AMBIENT);
    if (r != 0) {
        log_message(LOG_ERR, "cannot become user %s with CAP_NET_RAW only (libcap-ng: %d)",
                    QUOTE(user), r);
        return -EPERM;
    }
    return 0;
}

static int stay(void)
{
    int r;

    r = select_net_raw();
    if (r == 0)
        r = capng_apply(CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT);
    if (r != 0) {
        log_message(LOG_ERR, "cannot drop all capabilities but CAP_NET_RAW (libcap-ng: %d)", r);
        return -EPERM;
    }
    return 0;
}

int privileges_drop(const char *user)
{
    int r;

    if (capng_get_caps_process() != 0 || !capng_have_capability(CAPNG_PERMITTED, CAP_NET_RAW)) {
        log_message(
            LOG_ERR,
            "CAP_NET_RAW is missing, without which mtr-packet cannot send: start mtrpacketd "
            "through its unit, or as root");
        return -EPERM;
    }
    r = geteuid() == 0 || getuid() == 0 ? become(user) : stay();
    if (r < 0)
        return r;

    /* mtr-packet has our user: taken over, it must find no way into our memory. Only now, since a
     * change of user may undo it. */
    if (prctl(PR_SET_DUMPABLE, 0) < 0) {
        log_message(LOG_ERR, "cannot keep other processes out of memory: %s", strerror(errno));
        return -EPERM;
    }
    return 0;
}
