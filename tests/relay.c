/* SPDX-License-Identifier: MIT */

/*
 * Between its own stdin and stdout and those of the program that its arguments name it passes on
 * whatever comes, and does nothing else: what another process on the way costs at least.
 */

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Passes on what has come. False at the end. */
static int pass(int from, int to)
{
    char buffer[65536];
    ssize_t n = read(from, buffer, sizeof(buffer));

    for (ssize_t done = 0, m; done < n; done += m) {
        m = write(to, buffer + done, (size_t)(n - done));
        if (m < 0)
            return 0;
    }
    return n > 0;
}

int main(int argc, char *argv[])
{
    int commands[2], replies[2];

    if (argc < 2 || pipe(commands) < 0 || pipe(replies) < 0)
        return EXIT_FAILURE;
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(commands[0], STDIN_FILENO);
        dup2(replies[1], STDOUT_FILENO);
        close(commands[1]);
        close(replies[0]);
        execvp(argv[1], argv + 1);
        _exit(127);
    }
    close(commands[0]);
    close(replies[1]);

    for (;;) {
        struct pollfd fds[] = {
            {.fd = STDIN_FILENO, .events = POLLIN},
            {.fd = replies[0], .events = POLLIN},
        };

        if (poll(fds, 2, -1) < 0)
            return EXIT_FAILURE;
        if ((fds[0].revents && !pass(STDIN_FILENO, commands[1])) ||
            (fds[1].revents && !pass(replies[0], STDOUT_FILENO)))
            return EXIT_SUCCESS;
    }
}
