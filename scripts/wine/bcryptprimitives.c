/* Wine 8 has no bcryptprimitives.dll, of which Rust's standard library takes random numbers. For tests only. */
#include <windows.h>

BOOLEAN NTAPI SystemFunction036(void *buffer, ULONG size); /* RtlGenRandom() of advapi32 */

__declspec(dllexport) BOOL WINAPI ProcessPrng(BYTE *data, SIZE_T size) {
    return SystemFunction036(data, (ULONG)size);
}
