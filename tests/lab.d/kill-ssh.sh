# shellcheck shell=sh
# On a host: kills all that is sshd but the process given, and waits until it is gone.
spare=$1
while pids=$(pgrep -x sshd | grep -vx "$spare"); do
    # shellcheck disable=SC2086  # one word a process
    kill -9 $pids 2>/dev/null
    sleep 0.02
done
exit 0
