# U-Boot in the part of a Pi 4's boot firmware: starts what config.txt names, from its disk if that has a boot partition, else
# from the network (facts 5.2, 5.4); again and again until something starts. @SERIAL@ and @UUID@ are put in for each board.
echo FIRMWARE power-on
setenv bootp_vci PXEClient:Arch:00000:UNDI:002001
setenv bootp_arch 0
setenv pxeuuid @UUID@
setenv autoload no
# Linux has no driver for this card, and U-Boot's driver of the other one does not survive a burst of broadcasts (test-lab 6.4).
setenv ethact e1000#0
setenv ethrotate no
# Beyond kernel and initramfs, below U-Boot itself.
setenv text 0x50000000
setenv devicetree 0x51000000
while true; do
for from in disk network; do
  setenv there
  if test ${from} = disk; then
    # The disk beside the one that this script lies on.
    setenv get load virtio 1:1
    setenv prefix
    if ${get} ${text} start4.elf; then setenv there yes; fi
  else
    setenv get tftpboot
    setenv prefix @SERIAL@/
    setenv ipaddr; setenv serverip
    if dhcp; then
      if ${get} ${text} ${prefix}start4.elf; then setenv there yes; fi
    fi
  fi
  if test -n "${there}"; then
    # --- config.txt, without the sections of other models
    setenv cfg
    if ${get} ${text} ${prefix}config.txt; then
      setexpr end ${text} + ${filesize}
      mw.b ${end} 0 1
      setexpr.s cfg *${text}
    fi
    for model in pi0 pi0w pi02 pi1 pi2 pi3 pi3. pi5 pi500 cm3 cm5 none; do
      setexpr cfg gsub "\\[${model}\\][^\\[]*" ""
    done
    # Kernel, initramfs and cmdline.txt may lie in a folder of their own.
    setenv folder
    setexpr folder sub ".*os_prefix=(\\S+).*" "\\1" "${cfg}"
    setenv kernel kernel8.img
    setexpr kernel sub ".*kernel=(\\S+).*" "\\1" "${cfg}"
    setenv initramfs
    if setexpr auto sub "auto_initramfs=1" "" "${cfg}"; then setenv initramfs initramfs8; fi
    setexpr initramfs sub ".*initramfs (\\S+) .*" "\\1" "${cfg}"
    # --- cmdline.txt, with "bootargs=" put in front of it, as text of the environment: a word of U-Boot's own holds 128 bytes
    setenv bootargs
    mw.l 0x50000000 0x746f6f62
    mw.l 0x50000004 0x73677261
    mw.b 0x50000008 0x3d
    if ${get} 0x50000009 ${prefix}${folder}cmdline.txt; then
      setexpr length ${filesize} + 9
      env import -t ${text} ${length} bootargs
    fi
    # The firmware puts in what the serial line is called.
    setexpr bootargs sub "console=serial0" "console=ttyAMA0"
    # --- What Linux reads of the board
    fdt addr ${fdtcontroladdr}
    fdt move ${fdtcontroladdr} ${devicetree} 0x100000
    fdt set / model "Raspberry Pi 4 Model B Rev 1.4"
    fdt set / serial-number "10000000@SERIAL@"
    setenv ramdisk -
    if test -n "${initramfs}"; then
      if ${get} ${ramdisk_addr_r} ${prefix}${folder}${initramfs}; then setenv ramdisk ${ramdisk_addr_r}:${filesize}; fi
    fi
    if ${get} ${kernel_addr_r} ${prefix}${folder}${kernel}; then
      echo FIRMWARE starts ${folder}${kernel} with ${initramfs} from ${from}
      booti ${kernel_addr_r} ${ramdisk} ${devicetree}
    fi
  fi
  echo FIRMWARE nothing starts from ${from}
done
sleep 5
done
