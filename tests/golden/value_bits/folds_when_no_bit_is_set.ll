; RUN: honec -S --passes=value_bits --facts=%S/no_bits.json %s | FileCheck-19 %s
; RUN: honec --report --passes=value_bits --facts=%S/no_bits.json %s | FileCheck-19 --check-prefix=REPORT %s
; No entry has any of the tested bits, though one has a count: nothing is left of the lookup, of
; its null test, or of the dummy pointer.

; CHECK-LABEL: define {{.*}}i32 @xdp_filter(
; CHECK-NOT:   inttoptr
; CHECK-NOT:   icmp
; CHECK-NOT:   ret i32 1
; CHECK:       ret i32 2
; REPORT:      "action":"value_bits"
; REPORT-SAME: "kind":"value_bits","map":"ports","site":0,"effect":"code","enforcement":"guarded"}],"table_bytes":8}

@ports = external global i8

define i32 @xdp_filter(ptr %ctx) {
  %key = alloca i32
  %port = load i16, ptr %ctx
  %index = zext i16 %port to i32
  store i32 %index, ptr %key
  %value = call ptr inttoptr (i64 1 to ptr)(ptr @ports, ptr %key), !hone.site !0, !hone.tested !1
  %miss = icmp eq ptr %value, null
  br i1 %miss, label %pass, label %found
found:
  %word = load volatile i64, ptr %value, !hone.load !0
  %flags = and i64 %word, 3
  %hit = icmp eq i64 %flags, 3
  br i1 %hit, label %drop, label %pass
drop:
  %more = add i64 %word, 64
  store volatile i64 %more, ptr %value
  ret i32 1
pass:
  ret i32 2
}
!0 = !{i32 0}
!1 = !{i32 0, i64 3}
