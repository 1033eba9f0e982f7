# Sourced before the installer: all that it writes to a disk goes by here, and into $RECORD: N.data is what was written, and the
# lines of `index` are N, byte offset, and whether it was on the disk when the program ended (fsync). A function, because
# busybox's shell prefers its own dd to any other program.

dd() {
  case " $* " in *" of=$BRAMBLE_DEV/"*) ;; *) command dd "$@"; return ;; esac
  n=$(cat "$RECORD/count" 2>/dev/null || echo 0)
  echo $((n + 1)) >"$RECORD/count"
  recorded_bs=512
  recorded_seek=0
  recorded_unit=
  recorded_sync=no
  recorded_to=
  for word in "$@"; do
    shift
    case $word in
      of=*) recorded_to=${word#of=} ;;
      bs=*) recorded_bs=${word#bs=}; set -- "$@" "$word" ;;
      seek=*) recorded_seek=${word#seek=} ;;
      oflag=*seek_bytes*) recorded_unit=1 ;;
      conv=*fsync*) recorded_sync=yes ;;
      oflag=* | conv=*) ;;
      *) set -- "$@" "$word" ;;
    esac
  done
  recorded_at=$((recorded_seek * ${recorded_unit:-$recorded_bs}))
  command dd "$@" of="$RECORD/$n.data" || return 1
  command dd if="$RECORD/$n.data" of="$recorded_to" bs=512 seek=$((recorded_at / 512)) conv=notrunc 2>/dev/null || return 1
  echo "$n $recorded_at $recorded_sync" >>"$RECORD/index"
}

timeout() {
  if [ "$2" = dd ]; then
    shift 2
    dd "$@"
  else
    command timeout "$@"
  fi
}
