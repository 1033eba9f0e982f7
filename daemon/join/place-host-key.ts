/**
 * In /etc/ssh, `$key` is the private host key's name, `$new` the new one's, checked, and `$public` its public line. Power may
 * fail between any two lines: an older sshd offers what the public file says, even where it cannot sign for that, so there
 * is none rather than another key's. sshd finds the public half in the private file by itself. Pure.
 */
export const placeHostKey = `sync
rm -f "$key.pub"
sync
mv -f "$new" "$key"
sync
echo "$public" > "$new.pub"
chmod 644 "$new.pub"
sync
mv -f "$new.pub" "$key.pub"
sync`;
