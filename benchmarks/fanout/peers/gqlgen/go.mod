module peer

go 1.25

tool github.com/99designs/gqlgen

require github.com/99designs/gqlgen v0.17.98
