# Starts systemd as the first process of a system of its own: boot.sh TREE GROUP SHARED
# GROUP names its control groups, SHARED is a folder of this machine that it sees at /mnt. Network and clock are this
# machine's; its kernel's settings cannot be changed from within.
set -e
groups=/sys/fs/cgroup
if [ -e $groups/cgroup.controllers ]; then
  hierarchies=.
else
  hierarchies=systemd
  for each in unified memory pids; do
    [ ! -d $groups/$each ] || hierarchies="$hierarchies $each"
  done
fi
for each in $hierarchies; do
  # The hierarchy of systemd comes into being with its first mount.
  [ -d $groups/$each ] || continue
  mkdir -p "$groups/$each/$2"
  echo $$ >"$groups/$each/$2/cgroup.procs"
done
exec unshare --pid --mount --cgroup --uts --ipc --fork --kill-child sh -ec '
mount --bind "$0" "$0"
cd "$0"
mount --bind "$1" mnt
mount -t proc proc proc
mount --bind -o ro proc/sys proc/sys
mount -t sysfs -o ro sys sys
if [ "$2" = . ]; then
  mount -t cgroup2 cgroup2 sys/fs/cgroup
else
  mount -t tmpfs tmpfs sys/fs/cgroup
  for each in $2; do
    mkdir "sys/fs/cgroup/$each"
    case $each in
      unified) mount -t cgroup2 cgroup2 sys/fs/cgroup/unified ;;
      systemd) mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd ;;
      *) mount -t cgroup -o "$each" cgroup "sys/fs/cgroup/$each" ;;
    esac
  done
fi
mount -t tmpfs tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
for each in null zero full random urandom tty; do
  touch "dev/$each"
  mount --bind "/dev/$each" "dev/$each"
done
mkdir dev/pts dev/shm dev/mqueue dev/hugepages run/former
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
pivot_root . run/former
umount -l /run/former
exec env -i container=other PATH=/usr/sbin:/usr/bin /usr/lib/systemd/systemd
' "$1" "$3" "$hierarchies"
