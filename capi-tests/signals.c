/* The library's threads block the host's signals, but not those of faults. */
#include "check.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static bool has(unsigned long long mask, int signal) {
    return mask >> (signal - 1) & 1;
}

static unsigned long long blocked(const char *thread) {
    char path[64], line[256];
    unsigned long long mask = 0;
    CHECK(snprintf(path, sizeof path, "/proc/self/task/%.16s/status", thread) < (int)sizeof path);
    FILE *status = fopen(path, "r");
    CHECK(status != NULL);
    while (fgets(line, sizeof line, status) != NULL) {
        if (strncmp(line, "SigBlk:", 7) == 0) {
            mask = strtoull(line + 7, NULL, 16);
        }
    }
    fclose(status);
    return mask;
}

int main(void) {
    rtsp_webrtc_gateway *gateway = gateway_loopback(NULL);
    char own[32];
    int threads = 0;
    snprintf(own, sizeof own, "%d", (int)getpid());
    CHECK(!has(blocked(own), SIGTERM));

    DIR *tasks = opendir("/proc/self/task");
    CHECK(tasks != NULL);
    for (struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, own) == 0) {
            continue;
        }
        unsigned long long mask = blocked(entry->d_name);
        /* The C library blocks all signals in a thread until it has started. */
        for (int i = 0; i < 1000 && has(mask, SIGSEGV); i++) {
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
            mask = blocked(entry->d_name);
        }
        CHECK(has(mask, SIGTERM) && has(mask, SIGINT) && has(mask, SIGCHLD) && has(mask, SIGUSR1));
        CHECK(!has(mask, SIGSEGV) && !has(mask, SIGPROF));
        threads++;
    }
    closedir(tasks);
    CHECK(threads >= 2);
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
    return 0;
}
