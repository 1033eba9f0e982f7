/**
 * In /etc/ssh, `$key` is the private host key's name, `$key.bramble` the new one, checked, and `$public` its public line. Power may
 * fail between any two lines: an older sshd offers what the public file says, even where it cannot sign for that, so there
 * is none rather than another key's. sshd finds the public half in the private file by itself. Pure.
 */
export const placeHostKey = `sync
rm -f "$key.pub"
sync
mv -f "$key.bramble" "$key"
sync
echo "$public" > "$key.pub.bramble"
chmod 644 "$key.pub.bramble"
sync
mv -f "$key.pub.bramble" "$key.pub"
sync`;
