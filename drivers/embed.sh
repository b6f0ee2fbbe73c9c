#!/bin/sh
# embed.sh FILE...: scripts, one after the other, as rows of C strings, without their comments and indentation. One that is
# no shell's is put in a variable, by its name: of x_tools.pl, $tools.
for file; do
    case $file in
    *.pl)
        name=${file##*_}
        echo "${name%.pl}='"
        cat "$file"
        echo "'"
        ;;
    *) cat "$file" ;;
    esac
done | sed -e '/^ *#/d' -e 's/^ *//' -e '/^$/d' -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/.*/"&\\n",/'
