// The source of ../dwarf4.wasm and ../dwarf5.wasm; in this folder:
//   for v in 4 5; do
//     clang --target=wasm32 -g -gdwarf-$v -O1 -nostdlib -Wl,--no-entry -Wl,--export=sum -Wl,--export=ratio \
//       -I"$PWD/include" -fdebug-prefix-map="$PWD"=/src \
//       -fdebug-prefix-map="$PWD/include"=/lib/include ratio.c -o ../dwarf$v.wasm
//   done
#include "scale.h"

int table[16];

__attribute__((noinline)) static int quotient(int a, int b) {
    return a / b;
}

int sum(int n) {
    int total = 0;
    for (int i = 0; i < n; i++) {
        total += scale(table[i & 15], i);
        table[i & 15] = total;
    }
    return total;
}

int ratio(int a, int b) {
    int scaled = scale(a, 3);
    return quotient(scaled, b) + 1;
}
