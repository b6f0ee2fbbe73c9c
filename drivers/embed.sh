#!/bin/sh
# embed.sh FILE...: shell scripts, one after the other, as rows of C strings, without its comments and indentation.
sed -e '/^ *#/d' -e 's/^ *//' -e '/^$/d' -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/.*/"&\\n",/' "$@"
