/* SPDX-License-Identifier: MIT */

#include "text-agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <systemd/sd-login.h>

#include "util.h"

/* Whether polkit finds a session that this process belongs to: it looks for it in the same way. */
static bool has_session(void)
{
    char *session = NULL;
    uid_t uid;
    int r;

    r = sd_pid_get_session(0, &session);
    if (r < 0 && sd_pid_get_owner_uid(0, &uid) >= 0)
        r = sd_uid_get_display(uid, &session);
    free(session);
    return r >= 0;
}

/* Becomes the agent. It closes the descriptor NOTIFY once it is registered, and asks on the
 * controlling terminal, whatever its stdout is: what it may print besides is none of the user's
 * business. */
static void __attribute__((noreturn)) become_agent(int notify, pid_t parent, bool is_fallback)
{
    char argument[sizeof("--notify-fd=-2147483648")];
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    sigset_t none;

    /* Whoever is killed leaves no agent behind. */
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent)
        _exit(EXIT_FAILURE);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);

    if (null < 0 || dup2(null, STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0 ||
        fcntl(notify, F_SETFD, 0) < 0)
        _exit(EXIT_FAILURE);
    snprintf(argument, sizeof(argument), "--notify-fd=%d", notify);
    execl(PKTTYAGENT_PATH, "pkttyagent", argument, is_fallback ? "--fallback" : NULL, (char *)NULL);
    _exit(EXIT_FAILURE);
}

void text_agent_start(TextAgent *agent, int stop_fd)
{
    /* Without a session there is no other agent, and polkit takes no fallback. */
    bool is_fallback = has_session();
    pid_t parent = getpid(), pid;
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0)
        return;
    pid = fork();
    if (pid == 0)
        become_agent(fds[1], parent, is_fallback);
    close(fds[1]);

    if (pid > 0) {
        /* It closes its end when it is registered, or ends. */
        struct pollfd wait[] = {{.fd = fds[0]}, {.fd = stop_fd, .events = POLLIN}};

        while (poll(wait, ELEMENTS(wait), -1) < 0 && errno == EINTR)
            ;
        agent->pid = pid;
    }
    close(fds[0]);
}

void text_agent_stop(TextAgent *agent)
{
    if (agent->pid == 0)
        return;

    (void)kill(agent->pid, SIGTERM);
    (void)kill(agent->pid, SIGCONT); /* it may be stopped, as by ^Z */
    while (waitpid(agent->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    agent->pid = 0;
}
